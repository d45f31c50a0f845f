/** Waiting for a named condition with a deadline: the only way tests wait for something to happen. */

/** Milliseconds between two looks. */
const PERIOD_MS = 5;

/**
 * Look at `predicate` until it gives something true, and return that.
 *
 * @throws {Error} naming the condition, and what the predicate last threw, when `deadlineMs` has passed.
 */
export async function until<T>(
  name: string,
  predicate: () => T | Promise<T>,
  deadlineMs = 10_000,
): Promise<Exclude<T, undefined | null | false>> {
  const end = performance.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await predicate();
      cause = undefined;
      if (value) return value as Exclude<T, undefined | null | false>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= end) {
      const last = cause instanceof Error ? `; it last threw: ${cause.message}` : "";
      throw new Error(`Not within ${deadlineMs} ms: ${name}${last}`, { cause });
    }
    await delay(PERIOD_MS);
  }
}

/** The promise's value, or an error naming what was waited for when `deadlineMs` has passed. */
export async function within<T>(name: string, promise: Promise<T>, deadlineMs = 10_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${deadlineMs} ms: ${name}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Let time pass, to prove that nothing happens in it. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
