/**
 * Writing to standard output where it may be non-blocking, exactly.
 *
 * `Deno.stdout.write` fails on a non-blocking descriptor that is full, and what it had written by then nobody can tell.
 * So pipes, sockets and terminals are written by write(2) on a thread of its own, which tells how much it took, and
 * room is waited for by poll(2). Files and devices, which make nobody wait, and errors are left to Deno.
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
/** After room was told of and none found; so often that is no matter of room. */
const PAUSE_MS = 1;
const TRIES = 100;

type LibC = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let libC: LibC | null | undefined;

/** Writes the beginning of `bytes` to standard output and tells how many, at least one. They must not be changed meanwhile. */
export async function writeStandardOutput(bytes: Uint8Array): Promise<number> {
  if (libC === undefined) libC = libCIfMayBlock();
  if (libC === null) return await Deno.stdout.write(bytes);
  const whole = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  for (let tries = 0; tries < TRIES; tries++) {
    const count = Number(await libC.write(STANDARD_OUTPUT, whole, BigInt(whole.length)));
    if (count > 0) return count;
    const room = await roomIn(libC);
    if (room === "never") break;
    if (room === "none") tries = 0;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  // It tells what is wrong.
  return await Deno.stdout.write(bytes);
}

/** Waits for room; there will never be any when the reader is gone. */
async function roomIn(libC: LibC): Promise<"some" | "none" | "never"> {
  const entry = new DataView(new ArrayBuffer(8));
  const bytes = new Uint8Array(entry.buffer);
  entry.setInt32(0, STANDARD_OUTPUT, true);
  entry.setInt16(4, POLLOUT, true);
  await libC.poll(bytes, 1n, WAIT_MS);
  const told = entry.getInt16(6, true);
  if ((told & ~POLLOUT) !== 0) return "never";
  return told === 0 ? "none" : "some";
}

function libCIfMayBlock(): LibC | null {
  try {
    const { isFifo, isSocket } = Deno.statSync("/dev/fd/1");
    return isFifo || isSocket || Deno.stdout.isTerminal() ? openLibC(SYMBOLS) : null;
  } catch {
    return null;
  }
}
