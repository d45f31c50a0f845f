/**
 * Word of where a publisher's streams ended, left by one that leaves although not everybody has got everything; so that
 * a subscriber that comes back later can tell what it has missed.
 *
 * Znodes: `/shared_state/ended/<publisher>-<incarnation>`, persistent, written before the publisher's own record goes.
 * The newest {@link MAX_ENDED} are kept. Best effort: a publisher that is out of touch with ZooKeeper leaves none.
 */
import { CoordinationError, reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { ENDED, endedPath } from "../model/paths.ts";
import { type EndedRecord, parseEndedRecord } from "../wire/control.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** Records that are kept. */
export const MAX_ENDED = 256;
/** Nobody's end waits longer for this. */
const DEADLINE_MS = 2000;

const log = logger("ended");

/** Leave word. Never rejects, and is over within 2 s. */
export async function recordEnd(zk: ZooKeeper, record: EndedRecord): Promise<void> {
  const path = endedPath(record.publisher, record.incarnation);
  if (!zk.acting) return log.warn(`${path} is not written: ZooKeeper is out of reach`);
  const timer = Promise.withResolvers<void>();
  const timeout = setTimeout(timer.resolve, DEADLINE_MS);
  const writing = write(zk, path, JSON.stringify(record))
    .catch((error) => log.warn(`${path} is not written: ${reasonOf(error)}`));
  await Promise.race([writing, timer.promise]);
  clearTimeout(timeout);
}

async function write(zk: ZooKeeper, path: string, data: string): Promise<void> {
  await zk.ensurePath(ENDED);
  await zk.create(path, data).catch((error) => {
    if (!CoordinationError.is(error, "NODE_EXISTS")) throw error;
  });
  const { names } = await zk.getChildren(ENDED);
  if (names.length <= MAX_ENDED) return;
  const stats = await Promise.all(names.map((name) => zk.exists(`${ENDED}/${name}`)));
  const byAge = names.map((name, i) => ({ name, born: stats[i]?.czxid ?? 0n }))
    .sort((a, b) => a.born < b.born ? -1 : 1);
  const old = byAge.slice(0, names.length - MAX_ENDED);
  await Promise.allSettled(old.map(({ name }) => zk.remove(`${ENDED}/${name}`)));
}

/**
 * The last number of a stream of a publisher that has ended; undefined when it left no word.
 *
 * @throws {CoordinationError} when ZooKeeper cannot be asked.
 */
export async function endOf(
  zk: ZooKeeper,
  stream: { publisher: string; incarnation: number; topic: string },
): Promise<number | undefined> {
  const path = endedPath(stream.publisher, stream.incarnation);
  try {
    const { data } = await zk.getData(path);
    return parseEndedRecord(data, path).streams.find(({ topic }) => topic === stream.topic)?.last;
  } catch (error) {
    if (error instanceof CoordinationError && !CoordinationError.is(error, "NO_NODE")) throw error;
    if (!(error instanceof CoordinationError)) log.warn(`ignoring znode ${path}: ${reasonOf(error)}`);
    return undefined;
  }
}
