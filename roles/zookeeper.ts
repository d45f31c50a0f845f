/**
 * `pubsub zookeeper`: the embedded coordination server as a process of its own.
 *
 * Prints the address it listens on to standard output, one line, and serves until it is told to stop.
 */
import { ZooKeeperServer } from "../lib/zookeeper_server/server.ts";

/** The flags of `pubsub zookeeper`. */
export interface ZooKeeperOptions {
  /** `HOST:PORT`; port 0 is any free one. */
  readonly listen: string;
  /** Where to keep everything; without it nothing is kept. */
  readonly dataDir?: string;
  /** ZooKeeper's tick, in milliseconds. */
  readonly tickTime?: number;
  /** From one address. */
  readonly maxClientConnections?: number;
  /** Four-letter words that are answered. */
  readonly words?: readonly string[];
}

/**
 * Serve until `context.signal` is aborted.
 *
 * @throws UsageError, PubsubError when it cannot start; whatever stopped it when the disk fails
 */
export async function runZooKeeper(
  options: ZooKeeperOptions,
  context: { signal: AbortSignal; stdout: (line: string) => void },
): Promise<void> {
  const { listen, dataDir, tickTime, maxClientConnections, words } = options;
  await using server = await ZooKeeperServer.start({
    listen,
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(tickTime === undefined ? {} : { tickTimeMs: tickTime }),
    ...(words === undefined ? {} : { words }),
    ...(maxClientConnections === undefined
      ? {}
      : { limits: { connectionsPerAddress: maxClientConnections } }),
  });
  context.stdout(`zookeeper listening on ${server.address}`);
  const stopped = Promise.withResolvers<void>();
  context.signal.addEventListener("abort", () => stopped.resolve(), { once: true });
  if (context.signal.aborted) stopped.resolve();
  await Promise.race([stopped.promise, server.failed]);
}
