/** What the library logs in this process, as lines, for tests of what is said and how often. */
import { configureSync, resetSync } from "@logtape/logtape";
import { formatRecord } from "../../lib/base/log.ts";

/** Gathers the lines from its creation to its disposal. One at a time. */
export class LogLines implements Disposable {
  readonly lines: string[] = [];

  constructor() {
    configureSync({
      reset: true,
      sinks: { lines: (record) => void this.lines.push(formatRecord(record)) },
      loggers: [
        { category: ["pubsub"], lowestLevel: "info", sinks: ["lines"] },
        { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
      ],
    });
  }

  /** Those that match. */
  with(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  [Symbol.dispose](): void {
    resetSync();
  }
}
