/**
 * A primary that is succeeded while it cannot know: once ZooKeeper names another one, not a single answer of it may be
 * that of a primary. It is asked again and again, as its clients would, past whatever lies between them and it.
 */
import { PRIMARIES } from "../../lib/model/paths.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import type { Actor } from "./actor.ts";
import { INSIDE, type World } from "./world.ts";

const LOOK_MS = 10;
/** Between two questions: a stopped process finds those that were put meanwhile when it goes on. */
const PERIOD_MS = 20;
/** It is asked for so long after the fault is over, and until it answers. */
const AFTER_MS = 600;
const ANSWER_MS = 5000;

interface Answer {
  status?: { role: string; epoch: string | null };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The suspicion against one broker: begins before the fault, while it leads. */
export class StaleLeader {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #zk: ZooKeeper;
  readonly #socket = new Socket("dealer", { linger: 0, heartbeatIntervalMs: 0 });
  readonly #working: Promise<unknown>;
  /** Of its term before the fault. */
  readonly #epoch: string;
  #succeededSince = false;
  /** Answers to questions put after that. */
  #answered = 0;
  #wrong = 0;
  #over = false;

  /** The suspicion against this broker; undefined when it does not lead. */
  static against(world: World, actor: Actor): StaleLeader | undefined {
    return actor.kind === "broker" && actor.leads ? new StaleLeader(world, actor) : undefined;
  }

  private constructor(world: World, actor: Actor) {
    this.#world = world;
    this.#actor = actor;
    this.#epoch = actor.epoch;
    this.#zk = new ZooKeeper({ servers: world.servers.addresses });
    // The control port is the first one.
    this.#socket.connect(`tcp://${INSIDE}:${actor.proxies[0]!.port}`);
    this.#working = Promise.all([this.#ask(), this.#read()]);
    this.#working.catch(() => {}); // told by judge()
  }

  /** The fault is over: it is asked for a while longer, and the verdict given. */
  async judge(): Promise<void> {
    await sleep(AFTER_MS);
    const silent = () => this.#succeededSince && this.#answered === 0;
    for (let waited = 0; silent() && this.#actor.running && waited < ANSWER_MS; waited += LOOK_MS) {
      await sleep(LOOK_MS);
    }
    if (silent() && this.#actor.running) this.#world.broken(`${this.#actor.name} does not answer`);
    this.#over = true;
    await this.#socket[Symbol.asyncDispose]();
    await this.#working;
    await this.#zk[Symbol.asyncDispose]();
    if (this.#wrong > 0) {
      this.#world.broken(
        `${this.#actor.name} answered ${this.#wrong} times as primary after it was succeeded`,
      );
    }
  }

  /** Questions are put only once it was succeeded, so that every answer counts. */
  async #ask(): Promise<void> {
    while (!this.#over && !(this.#succeededSince = await this.#succeeded())) await sleep(LOOK_MS);
    while (!this.#over) {
      this.#socket.send(question());
      await sleep(PERIOD_MS);
    }
  }

  async #read(): Promise<void> {
    for await (const messages of this.#socket.messages()) {
      for (const frames of messages) {
        const { status } = JSON.parse(new TextDecoder().decode(frames.at(-1))) as Answer;
        if (status === undefined) continue;
        this.#answered++;
        if (status.role === "primary" && status.epoch === this.#epoch) this.#wrong++;
      }
    }
  }

  /** Whether its zone has another primary. */
  async #succeeded(): Promise<boolean> {
    const zone = /broker-z(\d+)/.exec(this.#actor.name)![1];
    try {
      const { data } = await this.#zk.getData(`${PRIMARIES}/zone_${zone}`);
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
