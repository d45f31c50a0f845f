/**
 * A broker: forwards samples from the moment it starts (standby too), contends for its zone, and while it is the
 * zone's primary registers clients and tells them whom they are matched with.
 *
 * Guarantee: samples never pass through JavaScript; what clients do holds up nobody else (`ControlDesk`).
 *
 * Znodes: `/brokers/<id>` while it lives; `/elections/zone_<n>/…`, `/primaries/zone_<n>` while it leads. Session
 * suspended: it answers `not_primary`, samples go on. Session lost: it steps down, and contends again.
 */
import { AsyncQueue, EVENTS_KEPT } from "../base/async_queue.ts";
import { Lifecycle, type Step } from "../base/lifecycle.ts";
import { checkCommon, type CheckedOptions } from "../model/client_options.ts";
import { BROKER_RULES, type BrokerEvent, type BrokerOptions, type BrokerStats } from "./broker_options.ts";
import { BrokerSockets } from "./broker_sockets.ts";
import { statusOf } from "./broker_status.ts";
import type { DeskOwner } from "./desk_owner.ts";
import { PubsubError, reasonOf } from "../base/errors.ts";
import { idLoss } from "../recipes/id_loss.ts";
import { PATIENCE_MS, placeOf } from "../net/local_address.ts";
import { logger } from "../base/log.ts";
import { given } from "../base/option_rules.ts";
import { checkZone, randomId } from "../base/names.ts";
import { brokerPath } from "../model/paths.ts";
import { EphemeralRecord } from "../recipes/ephemeral_record.ts";
import { LoadCounter } from "../recipes/load_counter.ts";
import { type Leader, Leadership } from "./leadership.ts";
import { Rebalancer } from "./rebalancer.ts";
import { SystemDirectory } from "./system_directory.ts";
import type { BrokerRecord } from "../wire/control.ts";
import { parseZkAddress } from "../zk/address.ts";
import { ZooKeeper } from "../zk/zookeeper.ts";

/** After a clean exit was announced, samples are forwarded for so long while subscribers move. */
const FAREWELL_MS = 400;
const log = logger("broker");

/**
 * One broker.
 *
 * @example
 * ```ts ignore
 * await using broker = new Broker({ zookeeper: "127.0.0.1:2181", zone: 2 });
 * await broker.start();
 * await broker.failed; // runs until something fails
 * ```
 */
export class Broker implements AsyncDisposable {
  /** Unique among brokers. */
  readonly id: string;
  readonly #common: CheckedOptions;
  readonly #options: BrokerOptions;
  readonly #directory: SystemDirectory;
  readonly #events = new AsyncQueue<BrokerEvent>({ limit: EVENTS_KEPT });
  readonly #life: Lifecycle;
  readonly #sockets: BrokerSockets;
  #zk: ZooKeeper | undefined;
  #record: BrokerRecord | undefined;
  #brokerNode: EphemeralRecord | undefined;
  #leadership: Leadership | undefined;
  #loadCounter: LoadCounter | undefined;
  #rebalancer: Rebalancer | undefined;
  #zone: number;
  #draining = false;
  /** It was told that this broker is drained. */
  #drainedTold = false;
  #started = false;

  /**
   * Checks the options, and begins nothing: that is {@link start}'s.
   *
   * @throws {UsageError} naming the option, its value and its rule.
   */
  constructor(options: BrokerOptions) {
    this.#common = checkCommon("broker", () => randomId("broker"), options, BROKER_RULES);
    this.#options = given(options, BROKER_RULES);
    this.id = this.#common.id;
    this.#life = new Lifecycle(`Broker ${this.id}`);
    this.#sockets = new BrokerSockets(this.#life);
    this.#directory = new SystemDirectory(this.id, {
      onClient: (role, id, topics) => this.#sockets.desk?.changed(role, id, topics),
      onBrokers: () => {
        this.#sockets.desk?.brokersChanged();
        this.#rebalancer?.poke();
      },
      onChanges: () => this.#loadCounter?.poke(),
    });
    this.#zone = options.warm ? 0 : options.zone ?? 1;
    parseZkAddress(options.zookeeper);
  }

  /** Rejects when the broker cannot go on. */
  get failed(): Promise<never> {
    return this.#life.failed;
  }
  /** Its zone, 0 while it has none. */
  get zone(): number {
    return this.#zone;
  }
  /** Whether it leads its zone; by the clock, so a suspended primary is none. */
  get role(): BrokerStats["role"] {
    if (!this.#started) return "starting";
    return this.#leadership?.acts ? "primary" : "standby";
  }
  /** Its record: endpoints as others see them. Undefined before the start. */
  get record(): BrokerRecord | undefined {
    return this.#record;
  }
  /** What happens, one loop at a time; the oldest are dropped when nobody reads. */
  events(): AsyncIterableIterator<BrokerEvent, undefined> {
    return this.#events.loop();
  }

  /**
   * Listen, register, contend. Waits for ZooKeeper as long as it takes, and says so. Called again it is the same start.
   *
   * @param signal gives it up for good; of several starts the first one's counts
   * @throws the signal's reason; {PubsubError} when it is closed, before or meanwhile
   */
  start(signal?: AbortSignal): Promise<void> {
    return this.#life.start(signal, (step, stop) => this.#start(step, stop));
  }

  async #start(step: Step, stop: AbortSignal): Promise<void> {
    const { zookeeper, sessionTimeoutMs, heartbeatIntervalMs, heartbeatTimeoutMs } = this.#common;
    const zk = this.#zk = new ZooKeeper({ servers: zookeeper, sessionTimeoutMs });
    const waiting = () => this.#waiting(`ZooKeeper at ${zookeeper}`);
    const place = await placeOf(this.#common, parseZkAddress(zookeeper), waiting, stop);
    const heartbeats = { heartbeatIntervalMs, heartbeatTimeoutMs };
    const endpoints = this.#sockets.open(this.#deskOwner(), place, this.#options, heartbeats);
    this.#record = { broker: this.id, zone: this.zone, host: place.host, ...endpoints, standby: true };
    const patience = setTimeout(waiting, PATIENCE_MS);
    await zk.connected(stop).finally(() => clearTimeout(patience));
    if (!this.#options.warm) this.#enlist();
    const { loaded, ended } = this.#directory.follow(zk, this.#life.leaving);
    this.#life.own(ended);
    await step(loaded);
    if (!this.#options.warm) await this.#contend(step, stop);
  }

  /**
   * Join a zone: for a broker that was started warm, once.
   *
   * @throws {UsageError} when the zone is not a positive integer.
   * @throws {PubsubError} when it has a zone, or is not running.
   */
  async join(zone: number, signal?: AbortSignal): Promise<void> {
    this.#life.check();
    if (this.#zone !== 0) throw new PubsubError(`Broker ${this.id} is in zone ${this.#zone}`);
    this.#zone = this.#record!.zone = checkZone(zone);
    this.#enlist();
    await this.#life.run(signal, (step, stop) => this.#contend(step, stop));
  }

  /** Be known to everybody. */
  #enlist(): void {
    const record = JSON.stringify(this.#current());
    const onTaken = idLoss("broker", this.id, (error) => this.#life.own(Promise.reject(error)));
    this.#brokerNode = new EphemeralRecord(this.#zk!, brokerPath(this.id), record, { onTaken });
  }

  async #contend(step: Step, stop: AbortSignal): Promise<void> {
    const zk = this.#zk!;
    this.#loadCounter = new LoadCounter(zk, { told: true, isFirst: () => this.#isFirstPrimary() });
    this.#rebalancer = new Rebalancer(zk, {
      zone: this.zone,
      balance: this.#options.rebalance ?? true,
      zones: () => this.#directory.zones(),
      move: (to, count, reason) => this.#sockets.desk!.sendAway(to, count, reason, this.#draining),
    });
    await step(this.#brokerNode!.present(stop));
    this.#leadership = new Leadership(this.#leader(zk, this.#loadCounter, this.#rebalancer));
    this.#life.own(this.#leadership.run());
    this.#started = true;
    const { control, ingress, egress } = this.#record!;
    log.info(
      `${this.id}: standby of zone ${this.zone} until elected; control ${control}, ingress ${ingress}, egress ${egress}`,
    );
    this.#events.push({ type: "standby" });
  }

  #leader(zk: ZooKeeper, loadCounter: LoadCounter, rebalancer: Rebalancer): Leader {
    return {
      id: this.id,
      zone: this.zone,
      zk,
      loadCounter,
      rebalancer,
      leaving: this.#life.leaving,
      record: () => JSON.stringify(this.#current()),
      counts: () => this.#sockets.desk!.clients,
      announce: () => this.#announce(),
      onElected: ({ epoch }) => this.#events.push({ type: "primary", epoch }),
      onOver: () => this.#sockets.desk!.clear(),
      onStandby: () => this.#events.push({ type: "standby" }),
    };
  }

  #waiting(reason: string): void {
    log.warn(`${this.id}: waiting for ${reason}`);
    this.#events.push({ type: "waiting", reason });
  }

  #deskOwner(): DeskOwner {
    const broker = this as Broker;
    return {
      id: this.id,
      directory: this.#directory,
      get zone() {
        return broker.#zone;
      },
      get acts() {
        return broker.#leadership?.acts ?? false;
      },
      routing: () => this.#directory.routing(this.#record!, this.#options.centralized ?? false),
      status: (brief) => {
        const parts = { desk: this.#sockets.desk!, directory: this.#directory, zk: this.#zk! };
        return statusOf(this.stats(), parts, brief);
      },
      onEvent: (event) => this.#events.push(event),
      onCount: () => {
        this.#leadership?.countSoon();
        this.#checkDrained();
      },
    };
  }

  /** Whether no zone with a lower number has a primary. */
  #isFirstPrimary(): boolean {
    return !this.#directory.zones().some(({ zone }) => zone < this.zone);
  }

  // --- what everybody knows of it

  /** Its record as it is now. */
  #current(): BrokerRecord {
    const term = this.#leadership?.term;
    return {
      ...this.#record!,
      ...term ? { standby: false, epoch: String(term.epoch) } : {},
      ...this.#draining ? { draining: true } : {},
    };
  }

  /** Have everybody know what it is now. */
  async #announce(): Promise<void> {
    const record = JSON.stringify(this.#current());
    const outcomes = await Promise.allSettled([
      this.#brokerNode?.update(record),
      this.#leadership?.update(record),
    ]);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      log.debug(`${this.id}: the record is written when ZooKeeper is back: ${reasonOf(outcome.reason)}`);
    }
  }

  // --- draining and balancing

  /**
   * Send all clients to other zones, and take no new ones if there is another zone; with `false` no longer.
   * The event `drained` tells when none is left that goes. Data goes on until {@link close}.
   */
  async drain(on = true): Promise<void> {
    this.#life.check();
    if (this.#draining === on) return;
    this.#draining = on;
    this.#drainedTold = false;
    log.info(`${this.id}: ${on ? "drains" : "no longer drains"}`);
    await this.#announce();
    this.#checkDrained();
  }

  #checkDrained(): void {
    const { size, pinned } = this.#sockets.desk!.clients;
    if (!this.#draining || this.#drainedTold || size > pinned) return;
    this.#drainedTold = true;
    this.#events.push({ type: "drained", pinned });
  }

  // --- figures

  /** Counters and state. */
  stats(): BrokerStats {
    const term = this.#leadership?.term;
    return {
      id: this.id,
      zone: this.zone,
      role: this.role,
      draining: this.#draining,
      epoch: term ? String(term.epoch) : null,
      clients: this.#sockets.desk?.clients.size ?? 0,
      dropped: this.#sockets.desk?.dropped ?? 0,
    };
  }

  // --- leaving

  /** Hand the zone on, let subscribers move, stop forwarding. Idempotent. */
  close(): Promise<void> {
    return this.#life.close(() => Promise.resolve(), () => this.#takeDown());
  }

  async #takeDown(): Promise<void> {
    // Records first, so that a client that hears of the end finds a successor and not us.
    await Promise.allSettled([this.#leadership?.withdraw(), this.#brokerNode?.close()]);
    // The last one to leave writes the load: nobody else will.
    if (this.#zk?.acting) {
      await this.#loadCounter?.recompute().catch((error) =>
        log.debug(`${this.id}: the load: ${reasonOf(error)}`)
      );
    }
    await Promise.allSettled([
      this.#leadership?.close(),
      this.#loadCounter?.close(),
      this.#rebalancer?.close(),
    ]);
    if (this.#started) await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
    await this.#sockets.close();
    await this.#zk?.close();
    this.#events.close();
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
