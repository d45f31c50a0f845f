/**
 * Writing to standard output exactly, also where it is non-blocking; and taking back the end of what was written.
 *
 * `Deno.stdout.write` keeps what stands behind the last line feed for later, and fails on a non-blocking descriptor
 * that is full: what is written by then nobody can tell. So it is written by write(2) on a thread of its own, which
 * tells how much it took, and room is waited for by poll(2).
 */
import { openLibC } from "../lib/base/c_library.ts";

const SYMBOLS = {
  write: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
  write_now: { name: "write", parameters: ["i32", "buffer", "usize"], result: "isize" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  // Of glibc and musl, and of macOS.
  __errno_location: { parameters: [], result: "pointer", optional: true },
  __error: { parameters: [], result: "pointer", optional: true },
  strerror: { parameters: ["i32"], result: "pointer" },
} as const;

const STANDARD_OUTPUT = 1;
const POLLOUT = 4;
const SEEK_SET = 0, SEEK_CUR = 1;
const EINTR = 4, EAGAIN = Deno.build.os === "linux" ? 11 : 35, EPIPE = 32;
/** Longest wait for room in one call, milliseconds. */
const WAIT_MS = 1000;
/** After room was told of and none found. */
const PAUSE_MS = 1;

type LibC = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let libC: LibC | null | undefined;

/** Null where it is not to be had. */
function theLibC(): LibC | null {
  if (libC === undefined) {
    try {
      libC = openLibC(SYMBOLS);
    } catch {
      libC = null;
    }
  }
  return libC;
}

/** Writes the beginning of `bytes` to standard output and tells how many, at least one. They must not be changed meanwhile. */
export async function writeStandardOutput(bytes: Uint8Array): Promise<number> {
  const calls = theLibC();
  if (calls === null) return await Deno.stdout.write(bytes);
  const whole = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  for (;;) {
    const count = Number(await calls.write(STANDARD_OUTPUT, whole, BigInt(whole.length)));
    if (count > 0) return count;
    if (!await hasRoom(calls)) continue;
    // Why it failed is told to the thread that has called. Where there is room one byte makes nobody wait.
    if (calls.write_now(STANDARD_OUTPUT, whole, 1n) === 1n) return 1;
    const code = errorCode(calls);
    if (code !== EAGAIN && code !== EINTR) throw errorOf(calls, code);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function errorCode({ __errno_location, __error }: LibC): number {
  const place = (__errno_location ?? __error)?.();
  return place ? new Deno.UnsafePointerView(place).getInt32() : 0;
}

function errorOf({ strerror }: LibC, code: number): Error {
  const text = `${Deno.UnsafePointerView.getCString(strerror(code)!)} (os error ${code})`;
  return code === EPIPE ? new Deno.errors.BrokenPipe(text) : new Error(text);
}

/** Waits for room. True when there is some, or will never be any as the reader is gone. */
async function hasRoom({ poll }: LibC): Promise<boolean> {
  const entry = new DataView(new ArrayBuffer(8));
  entry.setInt32(0, STANDARD_OUTPUT, true);
  entry.setInt16(4, POLLOUT, true);
  await poll(new Uint8Array(entry.buffer), 1n, WAIT_MS);
  return entry.getInt16(6, true) !== 0;
}

/**
 * Removes `count` bytes from the end of standard output, if it is a file and they are its end. A full disk must not
 * leave half of something there. Two processes that were given one open file are not told apart. Never throws.
 */
export function takeBackStandardOutput(count: number): void {
  try {
    const { isFile, size } = Deno.statSync("/dev/fd/1");
    const calls = theLibC();
    if (!isFile || calls === null) return;
    // Others may have written to the same file.
    if (calls.lseek(STANDARD_OUTPUT, 0n, SEEK_CUR) !== BigInt(size)) return;
    const end = BigInt(size - count);
    if (calls.ftruncate(STANDARD_OUTPUT, end) === 0) calls.lseek(STANDARD_OUTPUT, end, SEEK_SET);
  } catch {
    // Then it stays.
  }
}
