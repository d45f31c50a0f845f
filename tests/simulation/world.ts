/**
 * A world in which time is a number: processes, and events that happen to them one after the other.
 *
 * Guarantee: what happens follows from the seed alone. An event runs to its end, with everything that its promises set
 * off, before the next one begins; each belongs to one process, whose clock, timers and chance are in force meanwhile.
 * A process that was killed gets no more events; one that is stopped gets them when it goes on.
 */
import { newSystemClock, useSystemClock } from "../../lib/base/clock.ts";
import { type Random, seeded } from "../../lib/base/random.ts";
import type { SystemClock } from "../../lib/base/system_clock.ts";
import { type Action, Agenda, type Happening } from "./agenda.ts";
import { drainMicrotasks, type Machine, withMachine } from "./machine.ts";

/** 2026-01-01, when every world begins. */
const EPOCH_MS = 1_767_225_600_000;
/** Reading a clock takes so long: what waits for it to advance sees that it does. */
const READING_MS = 0.001;
/** The most events without any time passing: somebody goes round in circles. */
const MOST_AT_ONCE = 200_000;

/** A process of the world: a host of its own, too. */
export class Process {
  readonly host: string;
  readonly random: Random;
  /** What the wall clock is ahead of the world's, milliseconds. */
  clockOffset = 0;
  /** What every event costs it, milliseconds. */
  costMs = 0;
  alive = true;
  stopped = false;
  /** When it was, last, and when it went on; never while it is. */
  stoppedAt = -Infinity;
  resumedAt = -Infinity;
  /** How many want it stopped. */
  stops = 0;
  /** Events that wait until it goes on. */
  readonly deferred: Happening[] = [];
  busyUntil = 0;
  clock: SystemClock | undefined;

  constructor(readonly world: World, readonly name: string, readonly number: number, host?: string) {
    this.host = host ?? `10.0.${number >> 8}.${number & 255}`;
    this.random = seeded(world.seed ^ Math.imul(number + 1, 0x9e3779b1));
  }
}

/** Something that is worth telling. */
export interface Note {
  readonly time: number;
  readonly who: string;
  readonly what: string;
}

/** The world. */
export class World implements Machine {
  readonly seed: number;
  /** What happens by chance outside of processes: faults, the network. */
  readonly random: Random;
  /** Milliseconds since the beginning. */
  now = 0;
  /** Events so far. */
  events = 0;
  readonly processes: Process[] = [];
  /** What was told, when it is kept. */
  readonly story: Note[] = [];
  readonly crashes: Note[] = [];
  /** Called when a process has been killed. @param silent its host is gone, too. */
  readonly onKilled: ((process: Process, silent: boolean) => void)[] = [];
  #keepsStory: boolean;
  #current: Process | undefined;
  readonly #agenda = new Agenda();
  #hash = 0x811c9dc5;

  constructor(seed: number, { story = false } = {}) {
    this.seed = seed;
    this.random = seeded(seed);
    this.#keepsStory = story;
  }

  /** A digest of everything that has happened, in its order. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Whose event is under way. */
  get current(): Process | undefined {
    return this.#current;
  }

  /** A whole number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  /** Make the hash depend on this. */
  mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
    this.#hash ^= this.#hash >>> 15;
  }

  // --- processes

  /** A new process, in which `main` runs. @param host of a process that has ended; else one of its own */
  spawn(name: string, main: (process: Process) => unknown, host?: string): Process {
    const process = new Process(this, name, this.processes.length + 1, host);
    this.processes.push(process);
    this.after(0, process, () => main(process));
    return process;
  }

  /** End it as `kill -9` does. @param silent its host ends with it: nobody is told */
  kill(process: Process, silent = false): void {
    if (!process.alive) return;
    this.tell(process.name, "is killed");
    process.alive = false;
    process.deferred.length = 0;
    for (const killed of this.onKilled) killed(process, silent);
  }

  /** Hold it as `SIGSTOP` does; it goes on when it was told so as often. */
  stop(process: Process): void {
    if (!process.alive || ++process.stops > 1) return;
    this.tell(process.name, "is stopped");
    process.stopped = true;
    process.stoppedAt = this.now;
    process.resumedAt = Infinity;
  }

  /** Let it go on. */
  resume(process: Process): void {
    if (!process.stopped || --process.stops > 0) return;
    process.stopped = false;
    process.resumedAt = this.now;
    if (!process.alive) return;
    this.tell(process.name, "goes on");
    for (const happening of process.deferred.splice(0)) this.#agenda.put(happening, this.now);
  }

  // --- time

  /** Have this happen to that process (to nobody: the world itself) in so many milliseconds. */
  after(ms: number, process: Process | undefined, action: Action): Happening {
    return this.at(this.now + Math.max(0, ms), process, action);
  }

  /** Have this happen then. */
  at(time: number, process: Process | undefined, action: Action): Happening {
    return this.#agenda.add(time, process, action);
  }

  /** Let the world go on until that moment, or until `done` says so. Call it from a task of the event loop. */
  runUntil(time: number, done: () => boolean = () => false): void {
    withMachine(this, () => {
      let atOnce = 0;
      for (;;) {
        const next = this.#agenda.next(time);
        if (next === undefined) break;
        if (next.time > this.now) {
          this.now = next.time;
          atOnce = 0;
        } else if (++atOnce > MOST_AT_ONCE) {
          throw new Error(
            `${MOST_AT_ONCE} events, and no time passes: the last one is ${next.process?.name}'s`,
          );
        }
        this.#happen(next);
        if (done()) return;
      }
      this.now = Math.max(this.now, time);
    });
  }

  /** Have this happen now, to nobody. */
  act(action: () => void): void {
    this.after(0, undefined, action);
    this.runUntil(this.now);
  }

  #happen(happening: Happening): void {
    const { process, action } = happening;
    if (process !== undefined) {
      if (!process.alive) return;
      if (process.stopped) return void process.deferred.push(happening);
      if (process.busyUntil > this.now) return this.#agenda.put(happening, process.busyUntil);
      process.busyUntil = this.now + process.costMs;
    }
    happening.over = true;
    this.events++;
    this.mix(Math.round(this.now * 1000) ^ ((process?.number ?? 0) << 20));
    this.#within(process, action);
  }

  #within(process: Process | undefined, action: Action): void {
    this.#current = process;
    if (process !== undefined) useSystemClock(process.clock ??= newSystemClock());
    try {
      action();
    } catch (error) {
      this.crashed(error);
    }
    drainMicrotasks();
    this.#current = undefined;
  }

  /** Something was thrown that nobody caught. */
  crashed(error: unknown): void {
    const who = this.#current?.name ?? "the world";
    const what = error instanceof Error ? error.stack ?? error.message : String(error);
    this.crashes.push({ time: this.now, who, what });
  }

  // --- what stands for the globals of the runtime, in the process whose event is under way

  /** Monotonic milliseconds. */
  steady(): number {
    return this.now += READING_MS;
  }

  /** Milliseconds since the epoch by the process's wall clock. */
  date(): number {
    return EPOCH_MS + this.steady() + (this.#current?.clockOffset ?? 0);
  }

  get origin(): number {
    return EPOCH_MS + (this.#current?.clockOffset ?? 0);
  }

  chance(): number {
    return (this.#current?.random ?? this.random)();
  }

  timer(action: () => void, ms: number): Happening {
    // The runtime's resolution, and as there never less than a millisecond.
    const happening = this.after(Math.max(1, Math.trunc(ms) || 0), this.#current, action);
    happening.timer = true;
    return happening;
  }

  soon(action: () => void): Happening {
    return this.after(0, this.#current, action);
  }

  repeat(action: () => void, ms: number): Happening {
    const process = this.#current;
    const every = Math.max(1, ms);
    const happening: Happening = this.after(every, process, () => {
      happening.over = false;
      this.#agenda.put(happening, this.now + every);
      action();
    });
    happening.timer = true;
    return happening;
  }

  /** How many timers of a process are set. */
  timersOf(process: Process): number {
    let count = 0;
    for (const happening of this.#agenda) if (happening.timer && happening.process === process) count++;
    return count;
  }

  /** The process ends itself. */
  exit(): void {
    if (this.#current !== undefined) this.kill(this.#current);
  }

  // --- the story

  /** Remember it for whoever wants to know what has happened. */
  tell(who: string, what: string): void {
    if (this.#keepsStory) this.story.push({ time: this.now, who, what });
  }
}
