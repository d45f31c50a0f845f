/**
 * Standard streams that somebody has made non-blocking: a parent may set `O_NONBLOCK` on a pipe or terminal that it
 * shares with us, for its own sake, and then every read or write that would wait fails instead.
 *
 * Guarantee: such a read or write is tried again until it is possible, first after 1 ms, then ever less often, at least
 * each 20 ms: no turn without a pause.
 */

const MOST_MS = 20;

/** What `attempt` gives, as soon as it need not wait. Its other failures are thrown. */
export async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let pause = 1;; pause = Math.min(pause * 2, MOST_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Standard input, whether it blocks or not. */
export function standardInput(): ReadableStream<Uint8Array> {
  let cancelled = false;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const buffer = new Uint8Array(65_536);
      const count = await patiently(() => cancelled ? Promise.resolve(null) : Deno.stdin.read(buffer));
      if (cancelled) return;
      if (count === null) controller.close();
      else controller.enqueue(buffer.subarray(0, count));
    },
    cancel() {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
}
