/**
 * Writing to standard output where it may be non-blocking, exactly.
 *
 * `Deno.stdout.write` fails on a non-blocking descriptor that is full, and what it had written by then nobody can tell.
 * So pipes, sockets and terminals are written by write(2) on a thread of its own, which tells how much it took, and
 * room is waited for by poll(2). Files, which never make anybody wait, and errors are left to Deno.
 */
import { openLibC } from "../lib/zmq/poll.ts";

const SYMBOLS = {
  write: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
} as const;

const STANDARD_OUTPUT = 1;
const POLLOUT = 4;
/** Longest wait for room in one call, milliseconds. */
const WAIT_MS = 1000;
/** After room was told of and none found. */
const PAUSE_MS = 1;

type LibC = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let libC: LibC | null | undefined;

/** Writes the beginning of `bytes` to standard output and tells how many, at least one. They must not be changed meanwhile. */
export async function writeStandardOutput(bytes: Uint8Array): Promise<number> {
  if (libC === undefined) libC = libCUnlessFile();
  if (libC === null) return await Deno.stdout.write(bytes);
  const whole = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  for (;;) {
    const count = Number(await libC.write(STANDARD_OUTPUT, whole, BigInt(whole.length)));
    if (count > 0) return count;
    if (!await hasRoom(libC)) return await Deno.stdout.write(bytes);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Waits for room. False when there will be none: the reader is gone. */
async function hasRoom(libC: LibC): Promise<boolean> {
  const entry = new DataView(new ArrayBuffer(8));
  const bytes = new Uint8Array(entry.buffer);
  entry.setInt32(0, STANDARD_OUTPUT, true);
  entry.setInt16(4, POLLOUT, true);
  await libC.poll(bytes, 1n, WAIT_MS);
  const told = entry.getInt16(6, true);
  return (told & ~POLLOUT) === 0;
}

function libCUnlessFile(): LibC | null {
  try {
    return Deno.statSync("/dev/fd/1").isFile ? null : openLibC(SYMBOLS);
  } catch {
    return null;
  }
}
