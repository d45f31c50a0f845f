/**
 * The memory of this process that is not JavaScript's: above all what the ZeroMQ library holds, queues and
 * subscriptions. And a way to give back to the system what it has freed, which the C library does not do by itself.
 */

/** Bytes that are resident and not JavaScript's. */
export function nativeMemory(): number {
  const { rss, heapTotal, external } = Deno.memoryUsage();
  return rss - heapTotal - external;
}

type Trim = (pad: bigint) => Promise<number>;
let trim: Trim | null | undefined;

/** glibc's malloc_trim(3), on a thread of its own; elsewhere nothing. */
export async function giveBackMemory(): Promise<void> {
  if (trim === undefined) trim = openTrim();
  await trim?.(0n);
}

function openTrim(): Trim | null {
  try {
    return Deno.dlopen("libc.so.6", {
      malloc_trim: { parameters: ["usize"], result: "i32", nonblocking: true },
    }).symbols.malloc_trim;
  } catch {
    // Another C library.
    return null;
  }
}
