/**
 * The one logger: one levelled line a record, on standard error. Standard output is never touched.
 *
 * Library code calls `logger("broker")` and logs; nothing is printed until an application (here `main.ts`)
 * calls {@link configureLogging}.
 */
import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";

/** The levels a user can ask for, from most to least. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** A logger for one part of the system, e.g. `logger("broker", "election")`. */
export function logger(...part: string[]): Logger {
  return getLogger(["pubsub", ...part]);
}

const LEVEL_NAMES: Record<string, string> = {
  trace: "DEBUG",
  debug: "DEBUG",
  info: "INFO",
  warning: "WARN",
  error: "ERROR",
  fatal: "ERROR",
};

/** One record as one line: time, level, part, message. Line breaks inside values become spaces. */
export function formatRecord(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  const message = record.message.map((part) => typeof part === "string" ? part : String(part)).join("");
  const part = record.category.slice(1).join(".");
  const level = LEVEL_NAMES[record.level] ?? record.level.toUpperCase();
  return `${time} ${level.padEnd(5)} ${part}: ${message.replaceAll(/\s*[\r\n]+\s*/g, " ")}`;
}

/** Send every record at `level` or above to standard error. Call once, from the application. */
export function configureLogging(level: LogLevel): void {
  const encoder = new TextEncoder();
  configureSync({
    reset: true,
    sinks: {
      stderr: (record: LogRecord) => {
        try {
          Deno.stderr.writeSync(encoder.encode(formatRecord(record) + "\n"));
        } catch {
          // Standard error is closed: there is nobody left to tell.
        }
      },
    },
    loggers: [
      { category: ["pubsub"], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}
