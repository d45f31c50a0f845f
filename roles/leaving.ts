/**
 * How a role ends: asked to leave, finished, or failed. Several clients in one process end together when one fails.
 *
 * Nothing here adds a listener for good: a role may wait millions of times on one signal.
 */
export { pause } from "../lib/base/pause.ts";

/** The promise's value, or undefined as soon as `signal` aborts. The promise goes on by itself then. */
export function orLeaving<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.resolve(undefined);
  }
  return new Promise((resolve, reject) => {
    const leave = () => resolve(undefined);
    signal.addEventListener("abort", leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/**
 * A signal that aborts with `signal`, or when `failed` rejects; `throwIfFailed` then throws that failure.
 */
export function watchFailure(signal: AbortSignal, failed: Promise<never>): {
  readonly signal: AbortSignal;
  throwIfFailed(): void;
} {
  const failing = new AbortController();
  let failure: { error: unknown } | undefined;
  failed.catch((error) => {
    failure = { error };
    failing.abort();
  });
  return {
    signal: AbortSignal.any([signal, failing.signal]),
    throwIfFailed() {
      if (failure) throw failure.error;
    },
  };
}

/**
 * Runs `count` clients side by side, numbered from 1. When one fails the others are asked to leave; when all have
 * ended the first failure is thrown.
 */
export async function runSeveral<T>(
  count: number,
  signal: AbortSignal,
  run: (number: number, signal: AbortSignal) => Promise<T>,
): Promise<T[]> {
  const failing = new AbortController();
  const both = AbortSignal.any([signal, failing.signal]);
  let failure: { error: unknown } | undefined;
  const results = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      try {
        return await run(i + 1, both);
      } catch (error) {
        failure ??= { error };
        failing.abort();
        return undefined;
      }
    }),
  );
  if (failure) throw failure.error;
  return results as T[];
}

/** The name of client `number` of `count`: `id` itself when there is only one. */
export function memberId(id: string | undefined, number: number, count: number): { id?: string } {
  if (id === undefined) return {};
  return { id: count === 1 ? id : `${id}-${number}` };
}
