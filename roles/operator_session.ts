/**
 * A short ZooKeeper session for an operator's command: connect within a deadline, do the work, end the session.
 *
 * Nothing is retried: when the connection is lost meanwhile the command fails and says so.
 */
import { DeadlineError } from "../lib/base/errors.ts";
import { ZooKeeper } from "../lib/zk/zookeeper.ts";

/** Where, and how long to wait for it. */
export interface OperatorOptions {
  readonly zookeeper: string;
  readonly timeoutMs: number;
}

/**
 * Runs `work` with a connected client. Undefined when `signal` aborted before there was a connection.
 *
 * @throws {DeadlineError} when no server has answered within the deadline.
 */
export async function withZooKeeper<T>(
  options: OperatorOptions,
  signal: AbortSignal,
  work: (zk: ZooKeeper) => Promise<T>,
): Promise<T | undefined> {
  await using zk = new ZooKeeper({ servers: options.zookeeper });
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), options.timeoutMs);
  try {
    await zk.connected(AbortSignal.any([signal, late.signal]));
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!late.signal.aborted) throw error;
    throw new DeadlineError(
      `no ZooKeeper answers at ${options.zookeeper} (waited ${options.timeoutMs / 1000} s): ` +
        "start one with 'pubsub zookeeper', or name another with --zookeeper",
    );
  } finally {
    clearTimeout(timer);
  }
  return await work(zk);
}
