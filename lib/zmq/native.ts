/**
 * The ZeroMQ library, loaded at the first use: it needs `--allow-ffi` and reading its own files, and modules that
 * merely import this folder need neither.
 */
import { createRequire } from "node:module";
import type * as Zeromq from "zeromq";
import { PubsubError } from "../errors.ts";

/** The binding's module. */
export type Native = typeof Zeromq;

/** The options every kind of socket has, and the integer options that the typings hide. */
export type NativeSocket = (Zeromq.Router | Zeromq.Dealer | Zeromq.XPublisher | Zeromq.XSubscriber) & {
  getInt32Option(option: number): number;
  setInt32Option(option: number, value: number): void;
};

let loaded: Native | undefined;

/** The binding. Throws one clear line where it cannot be loaded. */
export function native(): Native {
  if (loaded !== undefined) return loaded;
  try {
    loaded = createRequire(import.meta.url)("zeromq") as Native;
  } catch (error) {
    throw new PubsubError(
      "Cannot load the ZeroMQ library (does the program run with --allow-ffi and read access?)",
      {
        cause: error,
      },
    );
  }
  return loaded;
}
