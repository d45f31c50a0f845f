/** What one run of `deno test` has said. Pure. */

/** The result of one test file. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
  /** Names of the tests that failed, without those inside of tests. */
  readonly failures: readonly string[];
  /** The files that they are in. */
  readonly files: readonly string[];
}

// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[[0-9;]*m/g;
const SUMMARY =
  /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/m;

/** Reads the output of `deno test`; undefined when it has no summary, as the process ended before. */
export function outcomeOf(output: string): Outcome | undefined {
  const text = output.replaceAll(COLOUR, "");
  const [, passed, failures, ignored] = SUMMARY.exec(text) ?? [];
  if (passed === undefined) return undefined;
  const [, list = ""] = text.split(/^ *FAILURES *$/m);
  // What is thrown outside of a test has no place in its file.
  const failed = [
    ...list.matchAll(/^(\S.*) => (\S+):\d+:\d+$/gm),
    ...list.matchAll(/^((\S+) \(uncaught error\))$/gm),
  ];
  return {
    passed: Number(passed),
    failed: Number(failures),
    ignored: Number(ignored ?? 0),
    failures: failed.map(([, name]) => name!),
    files: [...new Set(failed.map(([, , file]) => file!))],
  };
}

/** In a file's first comment: why it has the machine for itself. */
const ALONE = /^\/\*\*(?:(?!\*\/)[\s\S])*?\bRuns alone: (?:(?!\*\/)[\s\S])*?\*\//;

/** Whether a test file asks for the machine: nothing else runs beside it. */
export function runsAlone(source: string): boolean {
  return ALONE.test(source);
}
