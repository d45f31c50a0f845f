/**
 * libzmq's C interface, called directly. The shared library is the one inside npm:zeromq; that package's JavaScript
 * half is not used: under Deno its waits hang (so do its peer events), its time-outs crash, what became of a send is
 * only known later, and every message costs a promise.
 *
 * Everything above this folder sees sockets, never pointers. Memory rules: what the library reads or writes is
 * passed as a buffer, so it stays alive during the call, and the library keeps no address of ours after a call.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PubsubError } from "../base/errors.ts";

const SYMBOLS = {
  zmq_version: { parameters: ["buffer", "buffer", "buffer"], result: "void" },
  zmq_errno: { parameters: [], result: "i32" },
  zmq_strerror: { parameters: ["i32"], result: "pointer" },
  zmq_ctx_new: { parameters: [], result: "pointer" },
  zmq_ctx_set: { parameters: ["pointer", "i32", "i32"], result: "i32" },
  zmq_ctx_term: { parameters: ["pointer"], result: "i32", nonblocking: true },
  zmq_socket: { parameters: ["pointer", "i32"], result: "pointer" },
  zmq_close: { parameters: ["pointer"], result: "i32" },
  zmq_bind: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_connect: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_disconnect: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_setsockopt: { parameters: ["pointer", "i32", "buffer", "usize"], result: "i32" },
  zmq_getsockopt: { parameters: ["pointer", "i32", "buffer", "buffer"], result: "i32" },
  zmq_send: { parameters: ["pointer", "buffer", "usize", "i32"], result: "i32" },
  zmq_msg_init: { parameters: ["buffer"], result: "i32" },
  zmq_msg_recv: { parameters: ["buffer", "pointer", "i32"], result: "i32" },
  zmq_msg_data: { parameters: ["buffer"], result: "usize" },
  zmq_msg_more: { parameters: ["buffer"], result: "i32" },
  zmq_msg_close: { parameters: ["buffer"], result: "i32" },
  zmq_socket_monitor: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  zmq_proxy_steerable: {
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "i32",
    nonblocking: true,
  },
} as const;

/** The functions of libzmq in use. */
export type Zmq = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** A context or a socket of the library. */
export type Handle = NonNullable<Deno.PointerValue>;

let loaded: Zmq | undefined;

/** The library, loaded at the first use and kept. Throws one clear line where it cannot be loaded. */
export function zmq(): Zmq {
  return loaded ??= load();
}

function load(): Zmq {
  let cause: unknown;
  try {
    for (const file of candidates()) {
      try {
        return Deno.dlopen(file, SYMBOLS).symbols;
      } catch (error) {
        cause ??= error;
      }
    }
  } catch (error) {
    cause = error;
  }
  throw new PubsubError(`Cannot load the ZeroMQ library: ${hint(cause)}`, { cause });
}

/** What to do when it cannot be loaded. */
function hint(cause: unknown): string {
  if (cause instanceof Deno.errors.NotCapable) return "it needs --allow-ffi and --allow-read";
  if ((cause as { code?: unknown } | undefined)?.code === "MODULE_NOT_FOUND") {
    return "run 'deno install' first";
  }
  return `is there one for ${Deno.build.target}?`;
}

/** The prebuilt libraries for this machine, newest first. One for another C library does not open. */
function candidates(): string[] {
  const root = dirname(createRequire(import.meta.url).resolve("zeromq/package.json"));
  const arch = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  const folder = join(root, "build", Deno.build.os, arch, "node");
  return [...Deno.readDirSync(folder)]
    .filter((entry) => entry.isDirectory && entry.name.endsWith("-Release"))
    .map((entry) => join(folder, entry.name, "addon.node"))
    .sort()
    .reverse();
}

const encoder = new TextEncoder();

/** A string as the library wants it: UTF-8, ended by NUL. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** A length as the library wants it; a number does for the call, only the typings ask for a bigint. */
export function size(length: number): bigint {
  return length as unknown as bigint;
}

const EINTR = 4;

/** Whether the last call only failed because a signal came, and is to be repeated. */
export function interrupted(): boolean {
  return zmq().zmq_errno() === EINTR;
}

/** Why the last call failed, e.g. "address already in use". */
export function failure(): string {
  const text = zmq().zmq_strerror(zmq().zmq_errno());
  const reason = text === null ? "unknown error" : new Deno.UnsafePointerView(text).getCString();
  return reason.charAt(0).toLowerCase() + reason.slice(1);
}
