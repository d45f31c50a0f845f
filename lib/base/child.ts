/**
 * Where child processes come from: the system, or a simulated machine. Which one it is holds for the whole process and is
 * chosen before the first one is started; nothing else chooses but a simulation.
 */

/** What is needed of a child whose standard input and output are pipes; what it says on standard error is passed on. */
export interface Child {
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly status: Promise<{ readonly code: number; readonly signal: Deno.Signal | null }>;
  kill(signal: Deno.Signal): void;
}

/** A program and its arguments. */
export type Command = readonly [string, ...string[]];

const native = ([program, ...args]: Command): Child =>
  new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
let present: (command: Command) => Child = native;

/** Have children from somewhere else from now on; without an argument, from the system again. */
export function useChildren(start: (command: Command) => Child = native): void {
  present = start;
}

/** Start one. @throws when it cannot be started */
export function startChild(command: Command): Child {
  return present(command);
}
