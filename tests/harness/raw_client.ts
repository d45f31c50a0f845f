/** A client of the control plane that says whatever a test wants it to, by connections that it makes itself. */
import { FormatError } from "../../lib/base/errors.ts";
import {
  type BrokerMessage,
  type ClientMessage,
  CONTROL_VERSION,
  decodeBrokerMessage,
  encodeControl,
  type PublisherInfo,
  type SubscriberInfo,
} from "../../lib/wire/control.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import { until } from "./condition.ts";

/** A publisher's declaration. */
export function publisherOf(more: Partial<PublisherInfo> = {}): PublisherInfo {
  return {
    ...{ id: "p", topics: ["T"], address: "tcp://127.0.0.1:9", ownership: "shared", incarnation: 7 },
    ...{ offered: 1, strength: 0, centralized: false },
    ...more,
  };
}

/** A subscriber's declaration. */
export function subscriberOf(more: Partial<SubscriberInfo> = {}): SubscriberInfo {
  return {
    ...{ id: "s", topics: ["T"], address: "", ownership: "shared", incarnation: 8, requested: 0 },
    reliability: "reliable",
    ...more,
  };
}

/** A registration. */
export function registrationOf(
  client: { publisher: PublisherInfo } | { subscriber: SubscriberInfo },
  more: { key?: string; attempt?: number } = {},
): ClientMessage {
  const common = { type: "register" as const, v: CONTROL_VERSION as 1, ...more };
  return "publisher" in client
    ? { ...common, role: "publisher", ...client }
    : { ...common, role: "subscriber", ...client };
}

/** One connection. */
export class RawClient implements AsyncDisposable {
  readonly heard: BrokerMessage[] = [];
  readonly #socket: Socket;
  readonly #reading: Promise<void>;

  constructor(control: string) {
    this.#socket = new Socket("dealer", { linger: 0, sendHighWaterMark: 0 });
    this.#socket.connect(control);
    this.#reading = this.#read();
  }

  say(message: ClientMessage): void {
    this.#socket.send(encodeControl(message));
  }

  ping(id: string): void {
    this.say({ type: "ping", id, time: 1, stats: {} });
  }

  /** A message of this type, the next one from now on. */
  async hears<T extends BrokerMessage["type"]>(
    type: T,
    deadlineMs = 5000,
  ): Promise<Extract<BrokerMessage, { type: T }>> {
    const from = this.heard.length;
    return await until(
      `the broker says ${type}`,
      () => this.heard.slice(from).find((message) => message.type === type),
      deadlineMs,
    ) as Extract<BrokerMessage, { type: T }>;
  }

  async #read(): Promise<void> {
    for await (const messages of this.#socket.messages()) {
      for (const frames of messages) {
        const message = decodeBrokerMessage(frames.at(-1)!);
        if (message instanceof FormatError) throw message;
        this.heard.push(message);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]();
    await this.#reading;
  }
}
