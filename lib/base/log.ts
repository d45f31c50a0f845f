/**
 * The one logger: one levelled line a record, on standard error. Standard output is never touched.
 *
 * Library code calls `logger("broker")` and logs finished sentences; nothing is printed until an application (here
 * `main.ts`) calls {@link configureLogging}. What a sentence contains, names with braces for instance, is never
 * interpreted, and what it says is made printable here, whoever chose it.
 */
import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import { printable } from "./printable.ts";

/** The levels a user can ask for, from most to least. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Where one part of the system says what happens, a finished sentence a call. */
export interface Log {
  debug(sentence: string): void;
  info(sentence: string): void;
  warn(sentence: string): void;
  error(sentence: string): void;
}

/** The only template there is: what is said is its value. */
const SENTENCE = "{sentence}";

/** A logger for one part of the system, e.g. `logger("broker", "election")`. */
export function logger(...part: string[]): Log {
  const to = getLogger(["pubsub", ...part]);
  return {
    debug: (sentence) => to.debug(SENTENCE, { sentence }),
    info: (sentence) => to.info(SENTENCE, { sentence }),
    warn: (sentence) => to.warn(SENTENCE, { sentence }),
    error: (sentence) => to.error(SENTENCE, { sentence }),
  };
}

const LEVEL_NAMES: Record<string, string> = {
  trace: "DEBUG",
  debug: "DEBUG",
  info: "INFO",
  warning: "WARN",
  error: "ERROR",
  fatal: "ERROR",
};

/** One record as one line: time, level, part, message, every character of it seen. */
export function formatRecord(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  const message = record.message.map((part) => typeof part === "string" ? part : String(part)).join("");
  const part = record.category.slice(1).join(".");
  const level = LEVEL_NAMES[record.level] ?? record.level.toUpperCase();
  return `${time} ${level.padEnd(5)} ${part}: ${printable(message)}`;
}

/** Hand every record at `level` or above to `write` as a line. Call once, from the application. */
export function configureLogging(
  level: LogLevel,
  write: (line: string) => void,
  format: (record: LogRecord) => string = formatRecord,
): void {
  const lines = (record: LogRecord) => write(format(record));
  configureSync({
    reset: true,
    sinks: { lines },
    loggers: [
      { category: ["pubsub"], lowestLevel: level, sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
}
