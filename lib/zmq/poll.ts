/**
 * Waiting on file descriptors outside of Deno's event loop: poll(2) on a thread of its own, and a descriptor that ends
 * the wait early; or, for a fraction of a millisecond, on this thread.
 *
 * This file exists only because Deno's `uv_poll` fires once and is not armed again (denoland/deno issue 36317), so a
 * wait for a ZeroMQ descriptor through it can hang for ever. When that is mended, the wait can be done there.
 *
 * Guarantee: `wait()` always comes back, at the latest after its time-out; it never rejects. At most one `wait()` of
 * a poller is under way at a time. Runs on Linux; written for macOS too, where it has not been run.
 */
import { openLibC } from "../base/c_library.ts";
import { PubsubError } from "../base/errors.ts";

const SYMBOLS = {
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
  ppoll: { parameters: ["buffer", "usize", "buffer", "pointer"], result: "i32", optional: true },
  pipe: { parameters: ["buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  memcpy: { parameters: ["buffer", "usize", "usize"], result: "void" },
} as const;

type LibC = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const POLLIN = 1;
/** struct pollfd: int fd; short events; short revents. */
const ENTRY_BYTES = 8;

let loaded: LibC | undefined;
let loopDescriptor: number | undefined;

function libC(): LibC {
  return loaded ??= openLibC(SYMBOLS);
}

/**
 * The descriptor through which Deno's own event loop waits (Linux: an epoll instance, the first that the process
 * made), readable when that loop has something to do. Undefined when it cannot be found.
 */
export function eventLoopDescriptor(): number | undefined {
  try {
    return [...Deno.readDirSync("/proc/self/fd")]
      .filter(({ name }) => linkOf(`/proc/self/fd/${name}`) === "anon_inode:[eventpoll]")
      .map(({ name }) => Number(name))
      .sort((a, b) => a - b)[0];
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    // The one that the directory was read through.
    return "";
  }
}

/** Copy `size` bytes from an address into a buffer that is at least as long. */
export function copyFrom(target: Uint8Array<ArrayBuffer>, address: bigint, size: number): void {
  libC().memcpy(target, address, BigInt(size));
}

/**
 * A set of descriptors to wait on, and the event loop's for a wait on its own thread. Immutable: a wait that is under
 * way keeps its own array.
 */
export class DescriptorSet {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many there are, without the event loop's and with it. */
  readonly size: number;
  readonly sizeHere: number;
  readonly #view: DataView;

  constructor(descriptors: number[]) {
    const all = loopDescriptor === undefined ? descriptors : [...descriptors, loopDescriptor];
    this.size = descriptors.length;
    this.sizeHere = all.length;
    this.bytes = new Uint8Array(all.length * ENTRY_BYTES);
    this.#view = new DataView(this.bytes.buffer);
    all.forEach((descriptor, index) => {
      this.#view.setInt32(index * ENTRY_BYTES, descriptor, true);
      this.#view.setInt16(index * ENTRY_BYTES + 4, POLLIN, true);
    });
  }

  /** Whether the last wait found something at the descriptor with this index. */
  fired(index: number): boolean {
    return this.#view.getInt16(index * ENTRY_BYTES + 6, true) !== 0;
  }

  /** Forget what the last wait found. */
  forget(): void {
    for (let index = 0; index < this.size; index++) this.#view.setInt16(index * ENTRY_BYTES + 6, 0, true);
  }
}

/** poll(2) and a pipe to end it. Opened when the reactor starts, closed when it has stopped. */
export class Poller {
  readonly #byte = new Uint8Array(1);
  /** struct timespec: seconds, nanoseconds. */
  readonly #time = new BigInt64Array(2);
  readonly #readEnd: number;
  readonly #writeEnd: number;

  constructor() {
    loopDescriptor ??= eventLoopDescriptor();
    const ends = new Int32Array(2);
    if (libC().pipe(ends) < 0) {
      throw new PubsubError("Cannot make a pipe: out of file descriptors? See ulimit -n");
    }
    this.#readEnd = ends[0] as number;
    this.#writeEnd = ends[1] as number;
  }

  /** The descriptor that {@link wake} makes readable: put it into every set. */
  get wakeDescriptor(): number {
    return this.#readEnd;
  }

  /** Wait until a descriptor of `set` is readable, {@link wake} is called or `timeoutMs` has passed. */
  async wait(set: DescriptorSet, timeoutMs: number): Promise<void> {
    const found = await libC().poll(set.bytes, BigInt(set.size), timeoutMs);
    // A failed poll (a signal came) says nothing about the descriptors.
    if (found < 0) set.forget();
  }

  /** Whether {@link waitHere} works on this system. */
  get canWaitHere(): boolean {
    return libC().ppoll !== null;
  }

  /**
   * The same on this thread, so that nothing else runs meanwhile: below a millisecond. Spares two changes of thread.
   */
  waitHere(set: DescriptorSet, microseconds: number): void {
    this.#time[1] = BigInt(microseconds * 1000);
    const found = libC().ppoll!(set.bytes, BigInt(set.sizeHere), this.#time, null);
    if (found < 0) set.forget();
  }

  /** End the wait that is under way, or else the next one at once. Not again before {@link clear}. */
  wake(): void {
    libC().write(this.#writeEnd, this.#byte, 1n);
  }

  /** Take the wake-up back. Only when the wake descriptor has fired: it would block. */
  clear(): void {
    libC().read(this.#readEnd, this.#byte, 1n);
  }

  /** Only when no wait is under way. */
  close(): void {
    libC().close(this.#readEnd);
    libC().close(this.#writeEnd);
  }
}
