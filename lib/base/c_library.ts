/** The C library of this system, for the few things that Deno has no function for. */
import { PubsubError } from "./errors.ts";

/** The names under which the C library is found: glibc, musl, macOS. */
const LIBC_NAMES = ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`, "libSystem.dylib"];

/** Functions of the C library. @throws {PubsubError} where it cannot be opened. */
export function openLibC<S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S>["symbols"] {
  let cause: unknown;
  for (const name of LIBC_NAMES) {
    try {
      return Deno.dlopen(name, symbols).symbols;
    } catch (error) {
      cause ??= error;
    }
  }
  const why = cause instanceof Deno.errors.NotCapable
    ? "it needs --allow-ffi"
    : `${Deno.build.os} is not supported`;
  throw new PubsubError(`Cannot open the C library: ${why}`, { cause });
}
