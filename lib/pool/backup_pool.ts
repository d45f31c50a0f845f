/**
 * A backup pool: starts zones when the load is above a threshold and ends them when it is low, in broker processes of
 * its own. Of several pools one acts, that is, decides; all run what the plan gives them.
 *
 * Guarantee: what is decided is decided once (compare-and-set on the plan, by the elected pool only); a pool that dies
 * takes its brokers with it, and the next one decides again from what is then. Its brokers are processes: they end with
 * it even when it is killed.
 *
 * Znodes: `/pools/<guid>-<seq>` (who acts), `/shared_state/pool_members/<id>` (what each pool runs), `/shared_state/scaling`
 * (the plan and the last steps). Session suspended: nothing is decided, its brokers go on as they are. Lost: the same,
 * and another pool acts; zones that have a primary are left alone until their pool is back.
 */
import { AsyncQueue, EVENTS_KEPT } from "../base/async_queue.ts";
import { Lifecycle, type Step } from "../base/lifecycle.ts";
import { BrokerCrew } from "./broker_crew.ts";
import { BrokerProcess } from "./broker_process.ts";
import {
  checkCommon,
  type CheckedOptions,
  COMMON_RULES,
  type CommonOptions,
} from "../model/client_options.ts";
import { FormatError, reasonOf, UsageError } from "../base/errors.ts";
import { idLoss } from "../recipes/id_loss.ts";
import { addressTowards } from "../net/local_address.ts";
import { logger } from "../base/log.ts";
import { randomId } from "../base/names.ts";
import { given, number, object, type Rules, whole, yesOrNo } from "../base/option_rules.ts";
import { POOLS } from "../model/paths.ts";
import { Election } from "../recipes/election.ts";
import { EphemeralRecord } from "../recipes/ephemeral_record.ts";
import { Scaler } from "./scaler.ts";
import type { ScalingSettings } from "./scaling.ts";
import {
  parseScalingPlan,
  POOL_MEMBERS,
  type PoolMember,
  SCALING,
  type ScalingStep,
  stepText,
} from "./scaling_plan.ts";
import { type SelfCommand, selfCommand } from "../base/self_command.ts";
import { parseZkAddress } from "../zk/address.ts";
import { watchData } from "../zk/watch.ts";
import { ZooKeeper } from "../zk/zookeeper.ts";

/** When it leaves, its clients have so long to go to other zones. */
const FAREWELL_MS = 2000;
/** Zones that a pool runs at most, if it is not told. */
const MAX_ZONES = 10;
/** Ids of brokers are the pool's and a number. */
const LONGEST_ID = 50;

const log = logger("pool");

/** Options of a backup pool. */
export interface BackupPoolOptions extends CommonOptions {
  /** Clients a zone; above it zones are started. Default 3. */
  loadThreshold?: number | undefined;
  /** Below it zones are ended. Default half the threshold. */
  lowThreshold?: number | undefined;
  /** Zones that there are at least, whoever runs them. Default 0. */
  minZones?: number | undefined;
  /** Zones that this pool runs at most. Default 10. */
  maxZones?: number | undefined;
  /** How long the load must be low, and nothing changed, before a zone is ended, milliseconds. Default 5000. */
  cooldownMs?: number | undefined;
  /** Standbys of each zone. Default 0. */
  standbys?: number | undefined;
  /** Brokers kept started for the next zones. Default 1. */
  warm?: number | undefined;
  /** Whether clients are moved to zones that appear. Default true. */
  rebalance?: boolean | undefined;
  /** What subscribers of its zones get that do not say. Default false. */
  centralized?: boolean | undefined;
  /** Debug log of its brokers. Default false. */
  verbose?: boolean | undefined;
  /** How this program is started. Default: as this one was. */
  command?: SelfCommand | undefined;
}

const RULES: Rules<BackupPoolOptions> = {
  ...COMMON_RULES,
  loadThreshold: number("load threshold"),
  lowThreshold: number("low threshold"),
  minZones: whole("least zones", 0, 1000),
  maxZones: whole("most zones", 0, 1000),
  cooldownMs: whole("cool-down", 0, 86_400_000),
  standbys: whole("standbys", 0, 100),
  warm: whole("warm brokers", 0, 100),
  rebalance: yesOrNo("rebalance"),
  centralized: yesOrNo("centralized"),
  verbose: yesOrNo("verbose"),
  command: object("command"),
};

/** What happens to a backup pool. */
export type BackupPoolEvent =
  | { type: "waiting"; reason: string }
  | { type: "acting" }
  | { type: "step"; step: ScalingStep };

/** State of a backup pool. */
export interface BackupPoolStats {
  /** Its id. */
  id: string;
  /** Whether it decides, by the clock now. */
  acting: boolean;
  /** The zones that it runs. */
  zones: PoolMember["zones"];
  /** Brokers that are kept started for the next zones. */
  warm: number;
  /** Process ids of its brokers. */
  pids: number[];
}

/**
 * One backup pool.
 *
 * @example
 * ```ts ignore
 * await using pool = new BackupPool({ zookeeper: "127.0.0.1:2181", loadThreshold: 30, maxZones: 8 });
 * await pool.start();
 * await pool.failed; // runs until something fails
 * ```
 */
export class BackupPool implements AsyncDisposable {
  /** Unique among pools. */
  readonly id: string;
  readonly #common: CheckedOptions;
  readonly #options: BackupPoolOptions;
  readonly #settings: ScalingSettings;
  readonly #most: number;
  readonly #events = new AsyncQueue<BackupPoolEvent>({ limit: EVENTS_KEPT });
  readonly #life: Lifecycle;
  #zk: ZooKeeper | undefined;
  #crew: BrokerCrew | undefined;
  #member: EphemeralRecord | undefined;
  #memberText = "";
  #tooManyTold = false;
  #election: Election | undefined;
  #scaler: Scaler | undefined;
  #host = "";
  #brokers = 0;

  /**
   * Checks the options, and begins nothing: that is {@link start}'s.
   *
   * @throws {UsageError} naming the option, its value and its rule.
   */
  constructor(options: BackupPoolOptions) {
    this.#common = checkCommon("backup pool", () => randomId("pool"), options, RULES);
    this.#options = given(options, RULES);
    this.id = this.#common.id;
    this.#life = new Lifecycle(`Backup pool ${this.id}`);
    if (this.id.length > LONGEST_ID) {
      throw new UsageError(`Invalid id ${this.id}: a backup pool's must be at most ${LONGEST_ID} characters`);
    }
    parseZkAddress(options.zookeeper);
    this.#settings = settingsOf(options);
    this.#most = options.maxZones ?? MAX_ZONES;
  }

  /** Rejects when the pool cannot go on. */
  get failed(): Promise<never> {
    return this.#life.failed;
  }
  /** What happens, one loop at a time; the oldest are dropped when nobody reads. */
  events(): AsyncIterableIterator<BackupPoolEvent, undefined> {
    return this.#events.loop();
  }
  /** State now. */
  stats(): BackupPoolStats {
    return {
      id: this.id,
      acting: this.#election?.term?.active ?? false,
      zones: this.#crew?.zones() ?? [],
      warm: this.#crew?.warm ?? 0,
      pids: this.#crew?.pids ?? [],
    };
  }

  /**
   * Be known, and run what is wanted. Waits for ZooKeeper as long as it takes, and says so. Called again it is the same
   * start.
   *
   * @param signal gives it up for good; of several starts the first one's counts
   * @throws the signal's reason; {PubsubError} when it is closed, before or meanwhile
   */
  start(signal?: AbortSignal): Promise<void> {
    return this.#life.start(signal, (step, stop) => this.#start(step, stop));
  }

  async #start(step: Step, stop: AbortSignal): Promise<void> {
    const { zookeeper, sessionTimeoutMs } = this.#common;
    const zk = this.#zk = new ZooKeeper({ servers: zookeeper, sessionTimeoutMs });
    const waiting = setTimeout(() => this.#waiting(`ZooKeeper at ${zookeeper}`), 500);
    await zk.connected(stop).finally(() => clearTimeout(waiting));
    this.#host = this.#common.address ?? await addressTowards(parseZkAddress(zookeeper), stop) ?? "unknown";
    const onTaken = idLoss("backup pool", this.id, (error) => this.#life.own(Promise.reject(error)));
    const path = `${POOL_MEMBERS}/${this.id}`;
    this.#member = new EphemeralRecord(zk, path, this.#memberText = this.#record(), { onTaken });
    await step(this.#member.present(stop));
    this.#crew = new BrokerCrew({
      start: (onChange) => this.#startBroker(onChange),
      standbys: this.#options.standbys ?? 0,
      warm: this.#options.warm ?? 1,
      onChange: () => this.#tell(),
    });
    this.#life.own(this.#followPlan(zk, this.#crew));
    this.#election = new Election(zk, POOLS, this.id);
    this.#life.own(this.#act(zk, this.#election));
    log.info(`${this.id}: up to ${this.#most} zones here, above a load of ${this.#settings.threshold}`);
  }

  #waiting(reason: string): void {
    log.warn(`${this.id}: waiting for ${reason}`);
    this.#events.push({ type: "waiting", reason });
  }

  // --- running zones

  #startBroker(onChange: () => void): BrokerProcess {
    const { address, bind, zookeeper, sessionTimeoutMs } = this.#common;
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#common;
    const { rebalance = true, centralized = false, verbose = false } = this.#options;
    const { command, args } = this.#options.command ?? selfCommand();
    const id = `${this.id}-${++this.#brokers}`;
    return new BrokerProcess(id, [
      ...[command, ...args, "pool-broker", "--zookeeper", zookeeper, "--id", id] as [string, ...string[]],
      ...address === undefined ? [] : ["--address", address],
      ...bind === undefined ? [] : ["--bind", bind],
      ...["--session-timeout", String(sessionTimeoutMs / 1000)],
      ...["--heartbeat-interval", String(heartbeatIntervalMs / 1000)],
      ...["--heartbeat-timeout", String(heartbeatTimeoutMs / 1000)],
      ...rebalance ? [] : ["--no-rebalance"],
      ...centralized ? ["--centralized"] : [],
      ...verbose ? ["--verbose"] : [],
    ], onChange);
  }

  /** Run what the plan gives to this pool. */
  async #followPlan(zk: ZooKeeper, crew: BrokerCrew): Promise<void> {
    for await (const node of watchData(zk, SCALING, this.#life.leaving)) {
      try {
        const zones = node ? parseScalingPlan(node.data).zones : [];
        // No more than was allowed here, whatever the plan says: the oldest orders.
        const ours = zones.filter(({ pool }) => pool === this.id)
          .sort((a, b) => a.number - b.number);
        const tooMany = ours.splice(this.#most).length;
        if (tooMany > 0 && !this.#tooManyTold) {
          log.warn(`${this.id}: ${tooMany} zones of the plan are not run: it runs ${this.#most} at most`);
        }
        this.#tooManyTold = tooMany > 0;
        crew.want(new Map(ours.map(({ zone, state }) => [zone, state])));
        this.#tell();
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        log.warn(`${this.id}: znode ${SCALING} is ignored: ${reasonOf(error)}`);
      }
    }
  }

  #record(): string {
    const { zones, warm } = this.stats();
    return JSON.stringify({ pool: this.id, host: this.#host, most: this.#most, warm, zones });
  }

  /** Have everybody know what runs here. */
  #tell(): void {
    const text = this.#record();
    if (text === this.#memberText) return;
    this.#memberText = text;
    this.#member?.update(text).catch((error) => {
      log.debug(`${this.id}: the record is written when ZooKeeper is back: ${reasonOf(error)}`);
    });
  }

  // --- deciding

  async #act(zk: ZooKeeper, election: Election): Promise<void> {
    for await (const term of election.terms()) {
      if (term.signal.aborted) continue;
      log.info(`${this.id}: acts`);
      this.#events.push({ type: "acting" });
      const onStep = (step: ScalingStep) => {
        log.info(`${this.id}: ${stepText(step)}`);
        this.#events.push({ type: "step", step });
      };
      const onWaiting = (reason: string) => {
        log.warn(`${this.id}: waiting: ${reason}`);
        this.#events.push({ type: "waiting", reason });
      };
      this.#scaler = new Scaler(zk, term, this.id, this.#settings, onStep, onWaiting);
      await this.#scaler.run();
      this.#scaler = undefined;
    }
  }

  // --- leaving

  /** Let another pool act, have clients go elsewhere, end the brokers. Idempotent. */
  close(): Promise<void> {
    return this.#life.close(() => Promise.resolve(), () => this.#takeDown());
  }

  async #takeDown(): Promise<void> {
    // Ctrl-C goes to a whole group of processes: its brokers leave as it does, and are not started again.
    this.#crew?.leave();
    const others = await this.#scaler?.withdraw(this.id).catch(() => 0) ?? 1;
    await this.#election?.close();
    // Without a zone to go to there is nothing to wait for.
    if (others > 0) await this.#crew?.drain(FAREWELL_MS);
    await this.#crew?.close();
    await this.#member?.close();
    await this.#zk?.close();
    this.#events.close();
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function settingsOf(options: BackupPoolOptions): ScalingSettings {
  const threshold = options.loadThreshold ?? 3;
  if (threshold <= 0) {
    throw new UsageError(`Invalid load threshold ${threshold}: must be a number above 0`);
  }
  const low = options.lowThreshold ?? threshold / 2;
  if (!(low >= 0 && low < threshold)) {
    throw new UsageError(
      `Invalid low threshold ${low}: must be a number of at least 0 and below the load threshold of ${threshold}`,
    );
  }
  return {
    threshold,
    low,
    minZones: options.minZones ?? 0,
    cooldownMs: options.cooldownMs ?? 5000,
  };
}
