/**
 * The broker processes of one backup pool: those of its zones, and some warm ones that wait for a zone.
 *
 * Guarantee: each zone that is wanted has its brokers, started again after a pause when they end by themselves, the
 * pauses growing; a zone that is to end first gives its clients away, then its brokers end. Nothing here knows of
 * ZooKeeper: what is wanted is told by {@link BrokerCrew.want} and stays so while nobody says otherwise.
 */
import type { BrokerProcess } from "./broker_process.ts";
import { monotonic } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { RestartPause } from "../base/restart_pause.ts";
import type { PoolZone } from "./scaling_plan.ts";

/** Clients that have not gone elsewhere in this time are left to find another zone by themselves. */
const DRAIN_MS = 15_000;
/** A broker that has not started or joined in this time never will: another one is. */
const PATIENCE_MS = 60_000;
/** The end of a broker is told after this: a signal to the whole group of processes may reach it before it does us. */
const SAY_AFTER_MS = 500;
/** So many ends in a row are a failure to be told. */
const FAILING_AFTER = 3;

const log = logger("pool");

/** What a crew is made of. */
export interface CrewOptions {
  /** Start a broker process. */
  readonly start: (onChange: () => void) => BrokerProcess;
  /** Standbys of each zone. */
  readonly standbys: number;
  /** Brokers that are kept started without a zone. */
  readonly warm: number;
  /** Called when {@link BrokerCrew.zones} or {@link BrokerCrew.warm} may have changed. */
  readonly onChange: () => void;
}

/** Something that broker processes are started for: a zone, or to be warm. */
class Place {
  readonly brokers = new Set<BrokerProcess>();
  readonly pause = new RestartPause();
  /** Not started again before this. */
  retryAt = 0;
  restarts = 0;
}

class Zone extends Place {
  ending = false;
  /** Its clients have had enough time to go. */
  drainUntil = Infinity;

  constructor(readonly number: number) {
    super();
  }

  get primary(): BrokerProcess | undefined {
    return [...this.brokers].find(({ state }) => state === "primary");
  }
}

/** The brokers of a pool. */
export class BrokerCrew implements AsyncDisposable {
  readonly #options: CrewOptions;
  readonly #zones = new Map<number, Zone>();
  readonly #waiting = new Place();
  #wanted: ReadonlyMap<number, "wanted" | "ending"> = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Ends of brokers that are to be told. */
  readonly #news = new Set<ReturnType<typeof setTimeout>>();
  #leaving = false;
  #closing: Promise<void> | undefined;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#work();
  }

  /** The zones it is to run from now on, and those of them that are to end. */
  want(zones: ReadonlyMap<number, "wanted" | "ending">): void {
    this.#wanted = zones;
    this.#work();
  }

  /** The zones it runs. */
  zones(): PoolZone[] {
    return [...this.#zones.values()].map((zone) => ({
      zone: zone.number,
      state: stateOf(zone),
      pinned: zone.primary?.drained?.pinned ?? 0,
      restarts: zone.restarts,
    }));
  }

  /** Brokers that are started and wait. */
  get warm(): number {
    return [...this.#waiting.brokers].filter(({ state }) => state === "ready").length;
  }

  /** Process ids of all brokers, for those who look from outside. */
  get pids(): number[] {
    return [...this.#waiting.brokers, ...[...this.#zones.values()].flatMap(({ brokers }) => [...brokers])]
      .map(({ pid }) => pid);
  }

  /** From now on nothing is started, and a broker that ends is what is wanted. */
  leave(): void {
    this.#leaving = true;
    clearTimeout(this.#timer);
    for (const timer of this.#news) clearTimeout(timer);
  }

  /** Have the clients of all zones go elsewhere, at most `ms`. */
  async drain(ms: number): Promise<void> {
    const end = monotonic() + ms;
    const zones = [...this.#zones.values()];
    for (const { brokers } of zones) for (const broker of brokers) broker.drain(true);
    while (monotonic() < end && zones.some(({ primary }) => primary && !primary.drained)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** End all brokers. Resolves when they are gone. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.leave();
    const places = [this.#waiting, ...this.#zones.values()];
    await Promise.all(places.flatMap(({ brokers }) => [...brokers].map((broker) => broker.end())));
  }

  readonly #changed = (): void => {
    this.#work();
    this.#options.onChange();
  };

  /** Do what there is to do now, and have the rest done in time. */
  #work(): void {
    if (this.#leaving) return;
    clearTimeout(this.#timer);
    let again = Infinity;
    for (const number of this.#wanted.keys()) this.#zones.getOrInsertComputed(number, () => new Zone(number));
    again = Math.min(again, this.#endHanging());
    for (const zone of [...this.#zones.values()]) again = Math.min(again, this.#workOn(zone));
    again = Math.min(again, this.#keepWarm());
    if (again < Infinity) {
      this.#timer = setTimeout(() => this.#changed(), Math.max(1, again - monotonic()));
    }
  }

  /** A process that hangs says nothing, and would be waited for for ever. @returns when to look again. */
  #endHanging(): number {
    let again = Infinity;
    for (const broker of [this.#waiting, ...this.#zones.values()].flatMap(({ brokers }) => [...brokers])) {
      if (broker.waitedForSince === undefined || broker.leaving) continue;
      const until = broker.waitedForSince + PATIENCE_MS;
      if (monotonic() < until) again = Math.min(again, until);
      else {
        log.warn(`broker ${broker.id} has not come up within ${PATIENCE_MS / 1000} s: it is ended`);
        void broker.end();
      }
    }
    return again;
  }

  /** @returns when to look again. */
  #workOn(zone: Zone): number {
    const wanted = this.#wanted.get(zone.number);
    if (wanted === undefined || this.#isOver(zone)) {
      const running = [...zone.brokers].filter(({ leaving }) => !leaving);
      if (running.length > 0) {
        const why = wanted === undefined ? "is no longer in the plan for this pool" : "has ended";
        log.info(`zone ${zone.number} ${why}: ${running.map(({ id }) => id).join(", ")} leave`);
      }
      for (const broker of zone.brokers) void broker.end();
      if (zone.brokers.size === 0) this.#zones.delete(zone.number);
      return Infinity;
    }
    const ending = wanted === "ending";
    if (ending !== zone.ending) {
      zone.ending = ending;
      zone.drainUntil = ending ? monotonic() + DRAIN_MS : Infinity;
    }
    for (const broker of zone.brokers) broker.drain(ending);
    // Those that stay keep it: whether it is to end after all is not decided here.
    if (ending) return monotonic() < zone.drainUntil ? zone.drainUntil : Infinity;
    while (zone.brokers.size < 1 + this.#options.standbys) {
      if (monotonic() < zone.retryAt) return zone.retryAt;
      const broker = this.#takeWarm(zone) ?? this.#start(zone);
      broker?.join(zone.number);
    }
    return Infinity;
  }

  /** Whether a zone that is to end has nobody left to wait for. */
  #isOver({ ending, primary, drainUntil }: Zone): boolean {
    if (!ending) return false;
    if (primary === undefined) return true;
    return primary.drained?.pinned === 0 || (monotonic() >= drainUntil && !primary.drained);
  }

  /** A broker that waits is given to a zone: one that is ready, or one that will be. */
  #takeWarm(zone: Zone): BrokerProcess | undefined {
    const waiting = [...this.#waiting.brokers];
    const broker = waiting.find(({ state }) => state === "ready") ?? waiting[0];
    if (broker === undefined) return undefined;
    this.#waiting.brokers.delete(broker);
    zone.brokers.add(broker);
    return broker;
  }

  #keepWarm(): number {
    const { brokers, retryAt } = this.#waiting;
    const busy = [...this.#zones.values(), this.#waiting].some((place) =>
      [...place.brokers].some(({ state }) => state === "starting" || state === "joining")
    );
    // One after the other, and not while a zone starts: that needs the machine more.
    if (brokers.size >= this.#options.warm || busy) return Infinity;
    if (monotonic() < retryAt) return retryAt;
    this.#start(this.#waiting);
    return this.#waiting.retryAt > monotonic() ? this.#waiting.retryAt : Infinity;
  }

  #start(place: Place): BrokerProcess | undefined {
    let broker: BrokerProcess;
    try {
      broker = this.#options.start(this.#changed);
    } catch (error) {
      this.#failed(place, "a broker cannot be started", 0, reasonOf(error));
      return undefined;
    }
    place.brokers.add(broker);
    void broker.ended.then((how) => this.#left(broker, how));
    return broker;
  }

  #left(broker: BrokerProcess, how: string): void {
    const place = [this.#waiting, ...this.#zones.values()].find(({ brokers }) => brokers.delete(broker));
    if (place && !broker.leaving && !this.#leaving) {
      this.#failed(place, `broker ${broker.id} has ended`, monotonic() - broker.startedAt, how);
    }
    this.#changed();
  }

  #failed(place: Place, what: string, livedMs: number, how: string): void {
    const pauseMs = place.pause.ended(livedMs);
    place.restarts++;
    place.retryAt = monotonic() + pauseMs;
    const where = place instanceof Zone ? `zone ${place.number}` : "warm";
    const timer = setTimeout(() => {
      this.#news.delete(timer);
      log.warn(`${what} (${where}): ${how}; started again in ${pauseMs / 1000} s`);
    }, SAY_AFTER_MS);
    this.#news.add(timer);
  }
}

function stateOf(zone: Zone): PoolZone["state"] {
  if (zone.ending) return zone.primary?.drained ? "drained" : "draining";
  const serves = [...zone.brokers].some(({ state }) => state === "primary" || state === "standby");
  if (serves) return "serving";
  return zone.pause.failures >= FAILING_AFTER ? "failing" : "starting";
}
