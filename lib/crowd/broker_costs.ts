/**
 * Asks brokers what they know and what that has cost them, on their control sockets. No registration is needed.
 */
import { CoordinationError, DeadlineError } from "../base/errors.ts";
import type { BrokerCosts } from "../broker/broker_options.ts";
import { BROKERS } from "../model/paths.ts";
import { numericEndpoint } from "../net/reach.ts";
import { type BrokerRecord, decodeBrokerMessage, encodeControl, parseBrokerRecord } from "../wire/control.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";
import { Socket } from "../zmq/socket.ts";

const REPLY_MS = 30_000;

/** Every live broker's record. */
export async function liveBrokers(zk: ZooKeeper): Promise<BrokerRecord[]> {
  const { names } = await zk.getChildren(BROKERS).catch((error) => {
    if (CoordinationError.is(error, "NO_NODE")) return { names: [] };
    throw error;
  });
  const records = await Promise.all(
    names.sort().map(async (name) => {
      const { data } = await zk.getData(`${BROKERS}/${name}`);
      return parseBrokerRecord(data, name);
    }),
  );
  return records;
}

/** A connection to one broker for questions. */
export class BrokerQuestions implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #messages;

  private constructor(readonly broker: BrokerRecord, numeric: string) {
    this.#socket = new Socket("dealer", { heartbeatIntervalMs: 1000, heartbeatTimeoutMs: 30_000 });
    this.#socket.connect(numeric);
    this.#messages = this.#socket.messages();
  }

  /** Connects in the background. @throws {PubsubError} when the broker's host has no address. */
  static async open(broker: BrokerRecord): Promise<BrokerQuestions> {
    return new BrokerQuestions(broker, await numericEndpoint(broker.control));
  }

  /** What it knows and what that has cost it. */
  async costs(): Promise<BrokerCosts> {
    this.#socket.send(encodeControl({ type: "status", brief: true }));
    for (;;) {
      const next = await this.#next();
      for (const frames of next) {
        const message = decodeBrokerMessage(frames.at(-1)!);
        if ("type" in message && message.type === "status") return message.status.costs as BrokerCosts;
      }
    }
  }

  async #next(): Promise<Uint8Array[][]> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new DeadlineError(`Broker ${this.broker.broker} does not answer within ${REPLY_MS} ms`)),
        REPLY_MS,
      );
    });
    try {
      const result = await Promise.race([this.#messages.next(), late]);
      return result.value ?? [];
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#socket[Symbol.asyncDispose]();
  }
}
