/**
 * `pubsub pool-broker`: a broker that a backup pool has started. It waits without a zone until it is told which to
 * join, and tells what becomes of it: orders on standard input, news on standard output (`lib/pool/pool_protocol.ts`).
 *
 * Guarantee: when standard input ends, because the pool has ended in whatever way, it leaves cleanly, and is gone some
 * seconds later at the latest.
 */
import { Broker } from "../lib/broker/broker.ts";
import type { BrokerOptions } from "../lib/broker/broker_options.ts";
import { FormatError, reasonOf } from "../lib/base/errors.ts";
import { LineSplitter } from "../lib/base/line_splitter.ts";
import { logger } from "../lib/base/log.ts";
import { standardInput } from "../lib/base/patience.ts";
import { parseOrder, type PoolNews } from "../lib/pool/pool_protocol.ts";
import type { RoleContext } from "./context.ts";
import { aborted, watchFailure } from "./leaving.ts";

/** What is asked of the broker. */
export type PoolBrokerOptions = Omit<BrokerOptions, "zone" | "warm">;

/** Leaving takes at most so long. */
const LEAVE_MS = 8000;
const MAX_LINE_BYTES = 10_000;

const log = logger("broker");

/** Runs the broker. `input` is where orders come from, standard input by default. */
export async function runPoolBroker(
  options: PoolBrokerOptions,
  context: RoleContext,
  input: () => ReadableStream<Uint8Array> = standardInput,
): Promise<void> {
  const orphaned = new AbortController();
  const broker = new Broker({ ...options, warm: true });
  const life = watchFailure(AbortSignal.any([context.signal, orphaned.signal]), broker.failed);
  const tell = (news: PoolNews) => context.out(JSON.stringify(news));
  const ready = Promise.withResolvers<void>();
  const listening = listen(input(), broker, ready.promise, life.signal).finally(() => {
    orphaned.abort();
    Deno.unrefTimer(setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), LEAVE_MS));
  });
  listening.catch(() => {});
  try {
    await broker.start(life.signal);
    tell({ is: "ready" });
    ready.resolve();
    const telling = tellAll(broker, tell);
    await aborted(life.signal);
    await broker.close();
    await telling;
  } catch (error) {
    if (!life.signal.aborted) throw error;
  } finally {
    ready.resolve();
    await broker.close();
  }
  life.throwIfFailed();
  if (orphaned.signal.aborted) await listening;
}

/** Follows orders, one after the other, until the input ends. */
async function listen(
  input: ReadableStream<Uint8Array>,
  broker: Broker,
  ready: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const lines = new LineSplitter(MAX_LINE_BYTES);
  const decoder = new TextDecoder();
  let following = ready;
  for await (const chunk of input) {
    for (const line of lines.push(chunk)) {
      const order = parseOrder(decoder.decode(line));
      if (order === undefined) throw new FormatError("standard input is no order of a backup pool");
      following = following.then(async () => {
        if (signal.aborted) return;
        if (order.do === "join") await broker.join(order.zone, signal);
        else await broker.drain(order.on);
      }).catch((error) => {
        if (!signal.aborted) log.error(`${broker.id}: an order was not followed: ${reasonOf(error)}`);
      });
    }
  }
}

async function tellAll(broker: Broker, tell: (news: PoolNews) => void): Promise<void> {
  for await (const event of broker.events()) {
    if (event.type === "primary" || event.type === "standby") tell({ is: event.type });
    else if (event.type === "drained") tell({ is: "drained", pinned: event.pinned });
  }
}
