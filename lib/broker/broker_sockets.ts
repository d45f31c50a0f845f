/**
 * The sockets of a broker: the forwarder that samples pass through, the control desk, and the guard of what peers may
 * make both of them keep.
 *
 * Guarantee: after a close none of them is open, also when one of them could not be opened.
 */
import type { BrokerOptions } from "./broker_options.ts";
import { ControlDesk } from "./control_desk.ts";
import type { DeskOwner } from "./desk_owner.ts";
import type { Lifecycle } from "../base/lifecycle.ts";
import type { Heartbeats } from "../model/control_heartbeats.ts";
import { advertised, type Place, tcpEndpoint } from "../net/local_address.ts";
import type { BrokerRecord } from "../wire/control.ts";
import { MAX_UPSTREAM_AT_BROKER } from "../wire/upstream.ts";
import { CONTROL, portOf, UNLIMITED, UPSTREAM } from "../zmq/memory_guard.ts";
import { guardMemory, type MessageForwarder, openForwarder } from "../zmq/sockets.ts";

/** Messages that may wait for one peer. */
const HIGH_WATER_MARK = 4096;

/** Which ports they listen on. */
export type BrokerPorts = Pick<BrokerOptions, "controlPorts" | "ingressPort" | "egressPort">;

/** Where others reach them. */
export type BrokerEndpoints = Pick<BrokerRecord, "control" | "ingress" | "egress">;

/** Those of one broker. */
export class BrokerSockets {
  readonly #life: Lifecycle;
  #forwarder: MessageForwarder | undefined;
  #desk: ControlDesk | undefined;
  #memoryGuard: Disposable | undefined;

  /** @param life fails with them. */
  constructor(life: Lifecycle) {
    this.#life = life;
  }

  /** Undefined before they are opened. */
  get desk(): ControlDesk | undefined {
    return this.#desk;
  }

  /** Listen, and forward from now on. @throws {PubsubError} "Cannot listen on …" */
  open(owner: DeskOwner, { host, at }: Place, ports: BrokerPorts, heartbeats: Heartbeats): BrokerEndpoints {
    const { controlPorts, ingressPort, egressPort } = ports;
    const forwarder = this.#forwarder = openForwarder({
      ingress: [tcpEndpoint(at, ingressPort ?? 0)],
      egress: [tcpEndpoint(at, egressPort ?? 0)],
      sendHighWaterMark: HIGH_WATER_MARK,
      maxUpstreamSize: MAX_UPSTREAM_AT_BROKER,
      ...heartbeats,
    });
    this.#life.own(forwarder.ended);
    const desk = this.#desk = new ControlDesk(owner, heartbeats);
    this.#life.own(desk.ended);
    const listened = controlPorts?.length ? [...new Set(controlPorts)] : [0];
    const bound = listened.map((port) => desk.bind(tcpEndpoint(at, port)));
    const { ingress: [ingress], egress: [egress] } = forwarder;
    this.#memoryGuard = guardMemory({
      owner: owner.id,
      allowances: new Map([
        ...bound.map((endpoint) => [portOf(endpoint), CONTROL] as const),
        [portOf(ingress!), UNLIMITED],
        [portOf(egress!), UPSTREAM],
      ]),
      onExhausted: () => forwarder.restart(),
    });
    return {
      control: advertised(host, bound[0]!),
      ingress: advertised(host, ingress!),
      egress: advertised(host, egress!),
    };
  }

  /** Answers that are on their way still leave. */
  async close(): Promise<void> {
    this.#memoryGuard?.[Symbol.dispose]();
    await this.#desk?.[Symbol.asyncDispose]();
    await this.#forwarder?.close();
  }
}
