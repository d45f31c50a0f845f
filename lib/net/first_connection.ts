/**
 * The first of several hosts or addresses that takes a connection: tried in their order, each next one after a moment
 * or as soon as the one before has failed, so that one that swallows packets holds nobody up.
 */
import { resolver } from "./resolve.ts";

/** After this time the next one is tried, too. */
const STAGGER_MS = 250;

/** Where to connect to. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
}

type Try = (signal: AbortSignal) => Promise<Deno.TcpConn | undefined>;

/**
 * A connection to the first of these addresses that takes one. Whoever gets it closes it.
 *
 * @returns undefined when none has within `deadlineMs`, or `signal` is aborted: then at once.
 */
export function firstConnection(
  addresses: readonly Target[],
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<Deno.TcpConn | undefined> {
  return firstOf(addresses.map(connectTo), deadlineMs, signal);
}

/** The same for hosts that may have names; one whose name is looked up in vain is passed over. */
export function firstConnectionToHost(
  hosts: readonly Target[],
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<Deno.TcpConn | undefined> {
  const tries = hosts.map(({ hostname, port }) => async (ending: AbortSignal) => {
    const addresses = await resolver.resolve(hostname, ending);
    return await firstConnection(addresses.map((one) => ({ hostname: one, port })), deadlineMs, ending);
  });
  return firstOf(tries, deadlineMs, signal);
}

function connectTo({ hostname, port }: Target): Try {
  return (signal) => Deno.connect({ hostname, port, signal });
}

async function firstOf(
  tries: readonly Try[],
  deadlineMs: number,
  signal: AbortSignal | undefined,
): Promise<Deno.TcpConn | undefined> {
  if (signal?.aborted) return undefined;
  const ending = new AbortController();
  const end = () => ending.abort();
  const over = new Promise<void>((resolve) => ending.signal.addEventListener("abort", () => resolve()));
  signal?.addEventListener("abort", end, { once: true });
  const timer = setTimeout(end, deadlineMs);
  let first: Deno.TcpConn | undefined;
  const attempt = async (one: Try) => {
    const connection = await one(ending.signal).catch(() => undefined);
    if (connection === undefined) return;
    if (ending.signal.aborted) return connection.close();
    first = connection;
    end();
  };
  const attempts: Promise<void>[] = [];
  try {
    for (const one of tries) {
      const attempted = attempt(one);
      attempts.push(attempted);
      let later: ReturnType<typeof setTimeout> | undefined;
      const stagger = new Promise<void>((resolve) => later = setTimeout(resolve, STAGGER_MS));
      await Promise.race([attempted, stagger, over]);
      clearTimeout(later);
      if (ending.signal.aborted) break;
    }
    await Promise.all(attempts);
    return first;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}
