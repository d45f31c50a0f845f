/**
 * What the command line needs of the process around it, and what it asks the process to start. `main.ts` implements
 * it; tests bring their own.
 *
 * A role's code is imported inside `run`, never before: `--help` and a mistyped flag load no sockets.
 */
import type { RoleContext } from "../roles/context.ts";

/** A role, ready to run. */
export interface Launch {
  /** The command's name. */
  readonly role: string;
  /** What the role was asked to do: the value that `run` hands to it. */
  readonly options: unknown;
  /** Whether debug records and stacks are wanted. */
  readonly verbose: boolean;
  /** Only warnings are logged, unless verbose: the answer is what matters. */
  readonly quiet?: boolean;
  /** The process ends itself with SIGKILL after so long: a rehearsed crash. */
  readonly dieAfterMs?: number;
  /** Runs the role to its end. A number is the exit code; otherwise 0. */
  run(context: RoleContext): Promise<number | void>;
}

/** The process around the command line. */
export interface Host {
  /** The environment's PUBSUB_ZOOKEEPER. */
  readonly zookeeper?: string | undefined;
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
  /** Help and version, as asked for. */
  out(text: string): void;
  /** A remark about what was typed, one line. */
  remark(line: string): void;
  /** Runs what a command prepared, to its end. */
  launch(launch: Launch): Promise<void>;
}
