/**
 * Begins this program anew within the same process: the same pid, arguments, environment and standard streams.
 *
 * For what cannot be mended from inside, such as a native thread that does not come back: everything that the process
 * held, threads, memory, connections, ports and every descriptor above 2, is gone at once, and whoever supervises it
 * sees no end. Linux only.
 */
import { PubsubError } from "./errors.ts";
import { openLibC } from "./c_library.ts";

const SYMBOLS = {
  execv: { parameters: ["buffer", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  signal: { parameters: ["i32", "usize"], result: "usize" },
} as const;

const SET_DESCRIPTOR_FLAGS = 2, CLOSE_ON_EXEC = 1;
const HANG_UP = 1, INTERRUPT = 2, TERMINATE = 15, IGNORE = 1n, DEFAULT = 0n;

/**
 * Comes back only by throwing. Nothing that is still to be written gets written: flush first.
 *
 * @param ignoreHangUp whether SIGHUP was ignored when this process began, as under nohup.
 * @throws {PubsubError} "Cannot begin anew: …"
 */
export function replaceProcess(ignoreHangUp: boolean): never {
  let why = "the system refuses";
  try {
    const libC = openLibC(SYMBOLS);
    // Who is asked to leave from now on ends at once: there is nothing left to do for it.
    for (const number of [INTERRUPT, TERMINATE]) libC.signal(number, DEFAULT);
    for (const { name } of Deno.readDirSync("/proc/self/fd")) {
      if (Number(name) > 2) libC.fcntl(Number(name), SET_DESCRIPTOR_FLAGS, CLOSE_ON_EXEC);
    }
    // A signal that is handled here is at its default in the next program; what was ignored is to stay ignored.
    libC.signal(HANG_UP, ignoreHangUp ? IGNORE : DEFAULT);
    // The link leads to this program also when its file was replaced or removed.
    const program = new TextEncoder().encode("/proc/self/exe\0");
    const line = Deno.readFileSync("/proc/self/cmdline");
    const pointers: bigint[] = [];
    const begin = Deno.UnsafePointer.value(Deno.UnsafePointer.of(line));
    for (let at = 0, end; (end = line.indexOf(0, at)) >= 0; at = end + 1) pointers.push(begin + BigInt(at));
    libC.execv(program, new BigUint64Array([...pointers, 0n]));
    why += `, with ${line.length} bytes of arguments`;
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  throw new PubsubError(`Cannot begin anew: ${why}`);
}
