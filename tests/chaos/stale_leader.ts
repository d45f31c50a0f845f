/**
 * A primary that was stopped while another one was elected: when it goes on, not a single answer of it may be that of
 * a primary. It is asked again and again, from before it goes on, as its clients would.
 */
import { PRIMARIES } from "../../lib/paths.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import type { Actor } from "./actor.ts";
import type { World } from "./world.ts";

const PERIOD_MS = 2;
const ASKING_MS = 600;

interface Answer {
  status?: { role: string; epoch: string | null };
}

/** The suspicion against one broker. */
export class StaleLeader {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #socket = new Socket("dealer", { linger: 0 });
  readonly #reading: Promise<void>;
  /** Of its term before it was stopped. */
  #epoch: string | null = null;
  #answers = 0;
  #asking: ReturnType<typeof setInterval> | undefined;
  #replaced = false;

  /** Connects to a broker that leads, before it is stopped. */
  constructor(world: World, actor: Actor) {
    this.#world = world;
    this.#actor = actor;
    // The control port is the first one.
    this.#socket.connect(`tcp://127.0.0.2:${actor.proxies[0]!.port}`);
    this.#socket.send(question());
    this.#reading = this.#read();
  }

  /** It is about to go on. */
  async before(): Promise<void> {
    this.#replaced = await this.#succeeded();
    this.#socket.send(question());
    this.#asking = setInterval(() => this.#socket.send(question()), PERIOD_MS);
  }

  /** It goes on. */
  async after(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ASKING_MS));
    clearInterval(this.#asking);
    await this.#socket[Symbol.asyncDispose]();
    await this.#reading;
    if (this.#answers > 0) {
      this.#world.broken(
        `${this.#actor.name} answered ${this.#answers} times as primary after it was succeeded`,
      );
    }
  }

  async #read(): Promise<void> {
    for await (const messages of this.#socket.messages()) {
      for (const frames of messages) {
        const { status } = JSON.parse(new TextDecoder().decode(frames.at(-1))) as Answer;
        if (status?.role !== "primary") continue;
        if (!this.#replaced) this.#epoch = status.epoch;
        else if (status.epoch === this.#epoch) this.#answers++;
      }
    }
  }

  /** Whether its zone has another primary. */
  async #succeeded(): Promise<boolean> {
    try {
      await using zk = new ZooKeeper({ servers: this.#world.servers.addresses });
      await zk.connected(AbortSignal.timeout(1000));
      const zone = /broker-z(\d+)/.exec(this.#actor.name)![1];
      const { data } = await zk.getData(`${PRIMARIES}/zone_${zone}`);
      return (JSON.parse(new TextDecoder().decode(data)) as { broker: string }).broker !== this.#actor.name;
    } catch {
      // ZooKeeper is down, or the zone has no primary yet: nothing can be said.
      return false;
    }
  }
}

function question(): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ type: "status", brief: true }));
}
