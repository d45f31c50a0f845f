/**
 * Puts a simulated machine in the place of the runtime's globals: clocks, timers, chance. The code under test uses the
 * globals that every program has, so that none of its clocks can be forgotten.
 *
 * They are replaced only while a world goes on, and put back before anything else of this process runs.
 */
import process from "node:process";

/** What a machine gives its programs. Times are milliseconds. */
export interface Machine {
  steady(): number;
  date(): number;
  readonly origin: number;
  chance(): number;
  timer(action: () => void, ms: number): { over: boolean };
  repeat(action: () => void, ms: number): { over: boolean };
  soon(action: () => void): { over: boolean };
  /** The present process ends at once. */
  exit(): void;
}

// What the runtime offers to itself for the same purpose.
// deno-lint-ignore no-explicit-any
const { core } = (Deno as any)[(Deno as any).internal] as { core: { runMicrotasks(): void } };

/** Runs what promises have set off, and what that has, until nothing is left. Only within a task of the event loop. */
export function drainMicrotasks(): void {
  core.runMicrotasks();
}

/** Runs `body` as a task of the event loop: within a promise's continuation nothing can be drained. */
export function inTask<T>(body: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setTimeout(() => {
      try {
        resolve(body());
      } catch (error) {
        reject(error);
      }
    });
  });
}

let machine: Machine;
const RealDate = Date;

class MachineDate extends RealDate {
  constructor(...values: unknown[]) {
    // @ts-ignore: the arguments are those of Date
    super(...(values.length === 0 ? [machine.date()] : values));
  }
  static override now(): number {
    return Math.floor(machine.date());
  }
}

type Action = (...values: unknown[]) => void;

function cancel(timer: { over: boolean } | undefined): void {
  if (timer !== undefined && timer !== null) timer.over = true;
}

const replacements: readonly (readonly [object, string, unknown])[] = [
  [globalThis, "Date", MachineDate],
  [
    globalThis,
    "setTimeout",
    (action: Action, ms = 0, ...values: unknown[]) => machine.timer(() => action(...values), ms),
  ],
  [
    globalThis,
    "setInterval",
    (action: Action, ms = 0, ...values: unknown[]) => machine.repeat(() => action(...values), ms),
  ],
  [
    globalThis,
    "setImmediate",
    (action: Action, ...values: unknown[]) => machine.soon(() => action(...values)),
  ],
  [globalThis, "clearTimeout", cancel],
  [globalThis, "clearInterval", cancel],
  [globalThis, "clearImmediate", cancel],
  [performance, "now", () => machine.steady()],
  [Math, "random", () => machine.chance()],
  [crypto, "getRandomValues", fill],
  [crypto, "randomUUID", uuid],
  [Deno, "unrefTimer", () => {}],
  [Deno, "kill", () => machine.exit()],
  [process, "nextTick", (action: Action, ...values: unknown[]) => queueMicrotask(() => action(...values))],
];

function fill<T extends ArrayBufferView>(array: T): T {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(machine.chance() * 256);
  return array;
}

function uuid(): string {
  const hex = fill(new Uint8Array(16)).toHex();
  const parts = [0, 8, 12, 16, 20].map((start, index, starts) => hex.slice(start, starts[index + 1]));
  return parts.join("-");
}

/** Runs `body`, synchronously, on that machine. */
export function withMachine<T>(present: Machine, body: () => T): T {
  const before = replacements.map(([object, name]) => Object.getOwnPropertyDescriptor(object, name));
  const origin = Object.getOwnPropertyDescriptor(performance, "timeOrigin");
  machine = present;
  for (const [object, name, value] of replacements) {
    Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: false });
  }
  Object.defineProperty(performance, "timeOrigin", { get: () => machine.origin, configurable: true });
  try {
    return body();
  } finally {
    replacements.forEach(([object, name], index) => restore(object, name, before[index]));
    restore(performance, "timeOrigin", origin);
  }
}

function restore(object: object, name: string, before: PropertyDescriptor | undefined): void {
  if (before === undefined) Reflect.deleteProperty(object, name);
  else Object.defineProperty(object, name, before);
}
