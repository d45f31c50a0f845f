/**
 * What a role gets from the command line besides its options. Roles never touch `Deno.args`, signals or exit
 * codes: `main.ts` owns those and hands this in.
 */
export interface RoleContext {
  /** Aborted on Ctrl-C or SIGTERM: leave cleanly and resolve. */
  readonly signal: AbortSignal;
  /** Write one line of data to standard output. */
  out(line: string): void;
  /** Write bytes of data to standard output, in order with `out`. Resolves when the reader has taken them. */
  outBytes(bytes: Uint8Array): Promise<void>;
  /** Removes so many bytes from the end of standard output, after a failed write, where that is possible. */
  takeBack?(count: number): void;
  /** When this role has ended, begin the program anew within this process, unless it was asked to leave. */
  beginAnew?(): void;
  /** Write one line to standard error that is a result, not a log record (a summary, a progress line). */
  note(line: string): void;
}
