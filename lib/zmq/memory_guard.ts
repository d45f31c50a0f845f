/**
 * Bounds what peers can make the ZeroMQ library keep: watches this process's memory and the connections to its ports.
 *
 * Guarantee: a peer that sends more towards publishers, or to the control socket, than anybody honest has to say is
 * cut off within a second, and at once when memory jumps. While the library has more than {@link LIMIT_BYTES} more
 * than at the start, the connections that are most likely to blame are cut, one after another; if that does not help,
 * `onExhausted` is called; if that does not help either, it is not the library that has it, and that much is taken for
 * normal as long as it is there. What a flood has cost is given back to the system some seconds after it. Who was cut
 * is said in the log, at most once a second.
 *
 * On other systems than Linux it watches and gives nothing back, and cuts nobody.
 */
import { reasonOf } from "../errors.ts";
import { logger } from "../log.ts";
import { type Connection, connectionsTo, endConnection } from "./connections.ts";
import { giveBackMemory, nativeMemory } from "./native_memory.ts";
import { type Allowance, PeerBudget, UNLIMITED } from "./peer_budget.ts";

const MIB = 1024 * 1024;

/** More than this (bytes) above what it had at the start is not for the library to have. */
export const LIMIT_BYTES = 256 * MIB;
/** What a subscriber may send up, and a client to a broker. */
export const UPSTREAM: Allowance = { burst: 1 * MIB, rate: 1 * MIB };
export const CONTROL: Allowance = { burst: 4 * MIB, rate: 1 * MIB };

const TICK_MS = 50;
const SWEEP_MS = 1000;
/** Memory that grows by so much between two ticks is looked into at once. */
const JUMP_BYTES = 8 * MIB;
/** Freed memory is given back when there may be so much of it, so often; more often when memory is short. */
const WORTH_BYTES = 32 * MIB;
const GIVE_BACK_MS = 5000;
/** Time for the library to free what a connection has cost. */
const PATIENCE_MS = 250;
/** When so many cuts in a row have not helped, no further ones will. */
const MAX_CUTS = 12;
/** Time for everything to be freed, on a machine that is busy with a flood. */
const EXHAUSTED_MS = 30_000;
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
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #first = nativeMemory();
  #base = this.#first;
  #before = this.#base;
  #wasShort = false;
  #sweptAt = performance.now();
  #gaveBackAt = performance.now();
  #givingBack = false;
  #patientUntil = 0;
  #cutsInVain = 0;
  #untold = 0;
  #toldAt = -COMPLAINT_MS;

  constructor(ports: GuardedPorts) {
    this.#ports = ports;
    this.#numbers = new Set(ports.allowances.keys());
    this.#budget = new PeerBudget(ports.allowances);
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK_MS);
    // It is no reason to stay alive.
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  #tick(now: number): void {
    const memory = nativeMemory();
    const jumped = memory - this.#before > JUMP_BYTES;
    this.#before = memory;
    // What was once taken for normal is not when it is gone.
    this.#base = Math.max(this.#first, Math.min(this.#base, memory));
    const short = memory - this.#base > LIMIT_BYTES;
    // Perhaps giving back what is free is all it takes.
    if (short && !this.#wasShort) this.#patientUntil = now + PATIENCE_MS;
    if (!short) this.#cutsInVain = 0;
    this.#wasShort = short;
    if (jumped || now - this.#sweptAt >= SWEEP_MS || (short && now >= this.#patientUntil)) {
      this.#sweep(now, memory, short && now >= this.#patientUntil);
    }
    if (now - this.#gaveBackAt >= (short ? PATIENCE_MS : GIVE_BACK_MS)) this.#giveBack(memory, now);
  }

  #sweep(now: number, memory: number, short: boolean): void {
    this.#sweptAt = now;
    const connections = connectionsTo(this.#numbers);
    const greedy = this.#budget.look(connections, now);
    for (const connection of greedy) {
      const { burst } = this.#ports.allowances.get(connection.port)!;
      this.#cut(connection, `it has sent ${mib(connection.received)}, more than ${mib(burst)} at once`, now);
    }
    if (!short || greedy.length > 0) return;
    this.#patientUntil = now + PATIENCE_MS;
    const used = `${mib(memory - this.#base)} more memory than at the start are in use, the limit is ${
      mib(LIMIT_BYTES)
    }`;
    if (++this.#cutsInVain > MAX_CUTS) return this.#exhausted(used, memory, now);
    for (const connection of this.#budget.toBlame(connections)) {
      const { received, unsent } = connection;
      this.#cut(
        connection,
        `${used}, and it is a likely cause: it has sent ${mib(received)} and has not taken ${
          mib(unsent)
        } or more`,
        now,
      );
    }
  }

  /** No cut has helped. */
  #exhausted(used: string, memory: number, now: number): void {
    if (this.#cutsInVain === MAX_CUTS + 1) {
      log.warn(`${this.#ports.owner}: ${used}, and ${MAX_CUTS} cuts have not helped`);
      this.#patientUntil = now + EXHAUSTED_MS;
      this.#ports.onExhausted?.();
    } else {
      log.warn(`${this.#ports.owner}: ${used}, but not by the connections`);
      this.#base = memory;
    }
  }

  #cut(connection: Connection, why: string, now: number): void {
    if (!endConnection(connection)) return;
    this.#patientUntil = now + PATIENCE_MS;
    if (now - this.#toldAt < COMPLAINT_MS) {
      this.#untold++;
      return;
    }
    const others = this.#untold > 0 ? `; ${this.#untold} others before it` : "";
    this.#toldAt = now;
    this.#untold = 0;
    log.warn(`${this.#ports.owner}: cut the connection of ${connection.peer}: ${why}${others}`);
  }

  /** Give freed memory back, if there may be some. */
  #giveBack(memory: number, now: number): void {
    if (this.#givingBack || memory - this.#base < WORTH_BYTES) return;
    this.#givingBack = true;
    giveBackMemory().catch((error) => {
      log.debug(`${this.#ports.owner}: memory is not given back: ${reasonOf(error)}`);
    }).finally(() => {
      this.#givingBack = false;
      this.#gaveBackAt = now;
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

/** The port of an endpoint such as `tcp://127.0.0.1:5555`. */
export function portOf(endpoint: string): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));
}
