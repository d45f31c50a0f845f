/**
 * Waiting on file descriptors outside of Deno's event loop: poll(2) on a thread of its own, and an eventfd that
 * ends the wait early.
 *
 * This file exists only because Deno's `uv_poll` fires once and is not armed again (denoland/deno issue 36317):
 * with it, a wait inside zeromq.js can hang for ever. When that is mended, this file and the reactor can go.
 *
 * Guarantee: `wait()` always comes back, at the latest after its time-out; it never rejects. At most one
 * `wait()` of a poller is under way at a time. Linux only (x64 and arm64, glibc or musl); elsewhere a clear error.
 */
import { PubsubError } from "../errors.ts";

const SYMBOLS = {
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

type LibC = Deno.DynamicLibrary<typeof SYMBOLS>;

const POLLIN = 1;
/** struct pollfd: int fd; short events; short revents. */
const ENTRY_BYTES = 8;
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

/** The names under which the C library is found: glibc, then musl. */
const LIBC_NAMES = ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`];

function openLibC(): LibC {
  if (Deno.build.os !== "linux") {
    throw new PubsubError(`ZeroMQ sockets need poll(2) and eventfd(2) of Linux: this is ${Deno.build.os}`);
  }
  let cause: unknown;
  for (const name of LIBC_NAMES) {
    try {
      return Deno.dlopen(name, SYMBOLS);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        throw new PubsubError("ZeroMQ sockets need the C library: run with --allow-ffi", { cause: error });
      }
      cause ??= error;
    }
  }
  throw new PubsubError("Cannot open the C library (libc.so.6) for poll(2)", { cause });
}

/** A set of descriptors to wait on. Immutable: a wait that is under way keeps its own array. */
export class DescriptorSet {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;

  constructor(descriptors: number[]) {
    this.bytes = new Uint8Array(descriptors.length * ENTRY_BYTES);
    this.#view = new DataView(this.bytes.buffer);
    descriptors.forEach((descriptor, index) => {
      this.#view.setInt32(index * ENTRY_BYTES, descriptor, true);
      this.#view.setInt16(index * ENTRY_BYTES + 4, POLLIN, true);
    });
  }

  get size(): number {
    return this.bytes.byteLength / ENTRY_BYTES;
  }

  /** Whether the last wait found something at the descriptor with this index. */
  fired(index: number): boolean {
    return this.#view.getInt16(index * ENTRY_BYTES + 6, true) !== 0;
  }
}

/** poll(2) and one eventfd. Opened when the reactor starts, closed when it has stopped. */
export class Poller {
  readonly #libc = openLibC();
  readonly #counter = new Uint8Array(8);
  readonly #one = new Uint8Array(new BigUint64Array([1n]).buffer);
  readonly #event: number;

  constructor() {
    this.#event = this.#libc.symbols.eventfd(0, EFD_CLOEXEC_NONBLOCK);
    if (this.#event < 0) {
      this.#libc.close();
      throw new PubsubError("Cannot make an eventfd: out of file descriptors? See ulimit -n");
    }
  }

  /** The descriptor that {@link wake} makes readable: put it into every set. */
  get wakeDescriptor(): number {
    return this.#event;
  }

  /** Wait until a descriptor of `set` is readable, {@link wake} is called or `timeoutMs` has passed. */
  async wait(set: DescriptorSet, timeoutMs: number): Promise<void> {
    await this.#libc.symbols.poll(set.bytes, BigInt(set.size), timeoutMs);
  }

  /** End the wait that is under way, or else the next one at once. */
  wake(): void {
    this.#libc.symbols.write(this.#event, this.#one, 8n);
  }

  /** Take back the wake-ups so far. */
  clear(): void {
    this.#libc.symbols.read(this.#event, this.#counter, 8n);
  }

  /** Only when no wait is under way. */
  close(): void {
    this.#libc.symbols.close(this.#event);
    this.#libc.close();
  }
}
