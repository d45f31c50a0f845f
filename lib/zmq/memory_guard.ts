/**
 * Bounds what peers can make the ZeroMQ library keep: watches this process's memory and the connections to its ports.
 *
 * Guarantee: a peer that sends more towards publishers, or to the control socket, than anybody honest has to say is
 * cut off within a second, and at once when memory jumps; for some seconds after that whoever is next within
 * milliseconds. Once the library has more than {@link LIMIT_BYTES} more than at the start, all connections that flood
 * are cut at once, then those that take nothing, then those that are most likely to blame, one after another; if that
 * does not help within three seconds, `onExhausted` is called; if that does not help either, it is not the library that
 * has it, and that much is taken for normal as long as it is there. Who was cut for what it sent is not let in again
 * for a while, and neither is anybody else at its address (`barred.ts`). What a flood has cost is given back to the
 * system some seconds after it. Who was cut is said in the log, at most once a second.
 *
 * On other systems than Linux it watches and gives nothing back, and cuts nobody.
 */
import { reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { Barred, sourceOf } from "./barred.ts";
import { type Connection, connectionsTo, endConnection, refuseConnections } from "./connections.ts";
import { giveBackMemory, nativeMemory } from "./native_memory.ts";
import { type Finding, LIMIT_BYTES, MemoryPressure } from "./memory_pressure.ts";
import { type Allowance, PeerBudget, UNLIMITED } from "./peer_budget.ts";

const MIB = 1024 * 1024;

/** What a subscriber may send up, and a client to a broker. */
export const UPSTREAM: Allowance = { burst: 1 * MIB, rate: 1 * MIB };
export const CONTROL: Allowance = { burst: 4 * MIB, rate: 1 * MIB };

const TICK_MS = 50;
const SWEEP_MS = 1000;
/** Freed memory is given back when there may be so much of it, so often; more often when memory is short. */
const WORTH_BYTES = 32 * MIB;
const GIVE_BACK_MS = 5000;
const GIVE_BACK_SHORT_MS = 250;
/** While somebody is expected who sends too much it looks so often, and takes no more than this share of the time. */
const ALERT_TICK_MS = 5;
const ALERT_SHARE = 0.1;
const COMPLAINT_MS = 1000;

const log = logger("zmq");

/** What is watched. */
export interface GuardedPorts {
  /** Whose log lines these are. */
  readonly owner: string;
  /** By port. Those that samples are sent to are {@link UNLIMITED}. */
  readonly allowances: ReadonlyMap<number, Allowance>;
  /** Cutting connections does not help. */
  onExhausted?(): void;
}

export { UNLIMITED };

/** Watches from its construction until it is closed. */
export class MemoryGuard implements Disposable {
  readonly #ports: GuardedPorts;
  readonly #numbers: ReadonlySet<number>;
  readonly #budget: PeerBudget;
  readonly #pressure = new MemoryPressure(nativeMemory());
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sweepAt = performance.now() + SWEEP_MS;
  #gaveBackAt = performance.now();
  #givingBack = false;
  /** By port, and who is refused there. */
  readonly #barred = new Map<number, Barred>();
  readonly #refused = new Map<number, { list: string; at: number }>();
  #untold = 0;
  #toldAt = -COMPLAINT_MS;

  constructor(ports: GuardedPorts) {
    this.#ports = ports;
    this.#numbers = new Set(ports.allowances.keys());
    this.#budget = new PeerBudget(ports.allowances);
    this.#tickAfter(TICK_MS);
  }

  #tickAfter(pause: number): void {
    this.#timer = setTimeout(() => {
      const now = performance.now();
      try {
        this.#tick(now);
      } catch (error) {
        // Too many files are open, for example: the next look may be luckier.
        log.debug(`${this.#ports.owner}: connections are not looked at: ${reasonOf(error)}`);
      }
      this.#tickAfter(this.#pressure.alert(now) ? ALERT_TICK_MS : TICK_MS);
    }, pause);
    // It is no reason to stay alive.
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  #tick(now: number): void {
    const found = this.#pressure.look(nativeMemory(), now);
    this.#refuse(now);
    if (found.exhausted) {
      log.warn(`${this.#ports.owner}: ${inUse(found)}, whoever was cut`);
      this.#ports.onExhausted?.();
    }
    if (found.resigned) log.warn(`${this.#ports.owner}: ${inUse(found)}, but not by the connections`);
    if (found.jumped || found.exceeded || found.blame || now >= this.#sweepAt) this.#sweep(found, now);
    const pause = found.short ? GIVE_BACK_SHORT_MS : GIVE_BACK_MS;
    if (found.above >= WORTH_BYTES && now - this.#gaveBackAt >= pause) this.#giveBack();
  }

  #sweep(found: Finding, now: number): void {
    const connections = connectionsTo(this.#numbers);
    const greedy = this.#budget.look(connections, now);
    for (const connection of greedy) {
      const { burst } = this.#ports.allowances.get(connection.port)!;
      const why = `it has sent ${mib(connection.received)}, more than ${mib(burst)} at once`;
      this.#cut(connection, why + this.#bar(connection, now), now);
    }
    if (greedy.length > 0 || found.blame) this.#pressure.wait(now);
    const stuck = found.short ? this.#budget.stuck(connections) : [];
    const flooders = found.exceeded || found.blame ? this.#budget.flooders(connections) : [];
    const isBlamed = found.blame && greedy.length === 0 && stuck.length === 0 && flooders.length === 0;
    const other = isBlamed ? this.#budget.toBlame(connections) : undefined;
    for (const connection of [...flooders, ...stuck, ...other ? [other] : []]) {
      const { received, unsent } = connection;
      const bar = flooders.includes(connection) ? this.#bar(connection, now) : "";
      this.#cut(
        connection,
        `${inUse(found)}, and it is a likely cause: it has sent ${mib(received)} and has not taken ${
          mib(unsent)
        } or more${bar}`,
        now,
      );
    }
    const pause = (performance.now() - now) / ALERT_SHARE;
    this.#sweepAt = now + (this.#pressure.alert(now) ? Math.min(pause, SWEEP_MS) : SWEEP_MS);
  }

  /** It would be back at once, with all that it has sent before. @returns what is to be said of it. */
  #bar({ port, peer }: Connection, now: number): string {
    this.#pressure.alarm(now);
    const source = sourceOf(peer);
    const lastsMs = this.#barred.getOrInsertComputed(port, () => new Barred()).add(source, now);
    if (lastsMs === 0 || !this.#refuse(now)) return "";
    const name = source.includes(".") ? source : `${source}::/64`;
    return `; no new connections from ${name} are taken for ${lastsMs / 1000} s`;
  }

  /** Who is barred now is refused. @returns whether that can be done. */
  #refuse(now: number): boolean {
    let done = true;
    for (const [port, barred] of this.#barred) {
      const addresses = barred.at(now);
      const list = addresses.join(" ");
      const refused = this.#refused.get(port);
      // Again and again: the port may be another socket's by now.
      const isDone = list === (refused?.list ?? "") && (list === "" || now - refused!.at < SWEEP_MS);
      if (isDone) continue;
      done = refuseConnections(port, addresses) && done;
      this.#refused.set(port, { list, at: now });
    }
    return done;
  }

  #cut(connection: Connection, why: string, now: number): void {
    if (!endConnection(connection)) return;
    if (now - this.#toldAt < COMPLAINT_MS) {
      this.#untold++;
      return;
    }
    const others = this.#untold > 0 ? `; ${this.#untold} others before it` : "";
    this.#toldAt = now;
    this.#untold = 0;
    log.warn(`${this.#ports.owner}: cut the connection of ${connection.peer}: ${why}${others}`);
  }

  #giveBack(): void {
    if (this.#givingBack) return;
    this.#givingBack = true;
    giveBackMemory().catch((error) => {
      log.debug(`${this.#ports.owner}: memory is not given back: ${reasonOf(error)}`);
    }).finally(() => {
      this.#givingBack = false;
      this.#gaveBackAt = performance.now();
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

function inUse({ above }: Finding): string {
  return `${mib(above)} more memory than at the start are in use, the limit is ${mib(LIMIT_BYTES)}`;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

/** The port of an endpoint such as `tcp://127.0.0.1:5555`. */
export function portOf(endpoint: string): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));
}
