/** Brokers that are made up, so that they can do everything wrong, and clients that they do it to. */
import { ControlClient } from "../../lib/control/control_client.ts";
import type { ControlClientOptions, ControlEvent } from "../../lib/control/control_client_options.ts";
import { BROKERS, PRIMARIES, primaryPath, publisherPath, PUBLISHERS } from "../../lib/model/paths.ts";
import {
  type BrokerMessage,
  type BrokerRecord,
  type ClientMessage,
  CONTROL_VERSION,
  decodeClientMessage,
  encodeControl,
  type SubscriberMatch,
} from "../../lib/wire/control.ts";
import { zoneClientsPath } from "../../lib/recipes/zone_clients.ts";
import type { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import type { Place } from "./coordination.ts";

/** A broker that does as it is told. */
export class FakeBroker implements AsyncDisposable {
  readonly heard: ClientMessage[] = [];
  /** What it answers; by default it accepts everybody and answers keep-alives. */
  answer: (message: ClientMessage) => BrokerMessage[];
  readonly record: BrokerRecord;
  readonly #socket = new Socket("router");
  readonly #reading: Promise<void>;
  #route: Uint8Array | undefined;
  #version: number | undefined;

  constructor(readonly zone: number) {
    const control = this.#socket.bind("tcp://127.0.0.1:0");
    const data = "tcp://127.0.0.1:1";
    this.record = {
      ...{ broker: `b${zone}`, zone, host: "127.0.0.1", control, ingress: data, egress: data },
      ...{ standby: false, epoch: "1" },
    };
    this.answer = (message) => {
      if (message.type === "register") return [this.accepted(), this.matches(1, undefined, ["s0"])];
      if (message.type !== "ping") return [];
      return [{ type: "pong", time: message.time, clock: Date.now(), version: this.#version }];
    };
    this.#reading = this.#read();
  }

  accepted(): BrokerMessage {
    return { type: "registered", zone: this.zone, broker: this.record.broker, heartbeat: 200 };
  }

  matches(version: number, base: number | undefined, subscribers: string[]): BrokerMessage {
    this.#version = version;
    const matched: SubscriberMatch[] = subscribers.map((subscriber) => ({
      topic: "T",
      subscriber,
      reliable: true,
      life: 1,
    }));
    return {
      ...{ type: "matches", version, subscribers: matched, streams: [], mismatches: [], removed: [] },
      ...base === undefined ? {} : { base },
    };
  }

  send(message: BrokerMessage): void {
    this.#socket.send([this.#route!, encodeControl(message)]);
  }

  heardOf(type: ClientMessage["type"]): number {
    return this.heard.filter((message) => message.type === type).length;
  }

  async #read(): Promise<void> {
    for await (const messages of this.#socket.messages()) {
      for (const [route, bytes] of messages) {
        const message = decodeClientMessage(bytes!);
        if (message instanceof Error) throw message;
        this.#route = route!;
        this.heard.push(message);
        for (const answer of this.answer(message)) this.send(answer);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]();
    await this.#reading;
  }
}

/** A part of the tree with made-up brokers, and real clients of them. */
export class World {
  readonly #place: Place;
  readonly zk: ZooKeeper;

  private constructor(place: Place, zk: ZooKeeper) {
    this.#place = place;
    this.zk = zk;
  }

  static async in(place: Place): Promise<World> {
    const zk = place.client();
    await zk.connected();
    for (const path of [PRIMARIES, PUBLISHERS, BROKERS, zoneClientsPath(1).slice(0, -7)]) {
      await zk.ensurePath(path);
    }
    return new World(place, zk);
  }

  async broker(zone: number, more: Partial<BrokerRecord> = {}): Promise<FakeBroker> {
    const broker = this.#place.use(new FakeBroker(zone));
    Object.assign(broker.record, more);
    await this.zk.create(primaryPath(zone), JSON.stringify(broker.record));
    return broker;
  }

  client(
    more: Partial<ControlClientOptions> = {},
  ): { client: ControlClient; events: ControlEvent[]; zk: ZooKeeper } {
    const zk = this.#place.client();
    const client = this.#place.use(
      new ControlClient(zk, {
        registration: {
          ...{ type: "register", v: CONTROL_VERSION, role: "publisher" },
          publisher: {
            ...{ id: "p", topics: ["T"], address: "", ownership: "shared", incarnation: 7 },
            ...{ offered: 1, strength: 0, centralized: true },
          },
        },
        recordPath: publisherPath("p"),
        record: (zone) => JSON.stringify({ zone }),
        stats: () => ({}),
        heartbeatIntervalMs: 100,
        heartbeatTimeoutMs: 300,
        ...more,
      }),
    );
    const events: ControlEvent[] = [];
    void (async () => {
      for await (const event of client.events()) events.push(event);
    })();
    return { client, events, zk };
  }
}

/** The subscribers of the last matches, in order of their ids. */
export const matchedWith = (events: ControlEvent[]) => {
  const last = events.findLast((event) => event.type === "matches");
  return last?.matches.subscribers.map(({ subscriber }) => subscriber).toSorted();
};
