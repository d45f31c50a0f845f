/**
 * The whole system as ZooKeeper holds it, kept current: one view at the start, the next after something changed.
 *
 * Guarantee: the first view is complete. Only records that changed are read again, and the topics' owners. Changes
 * within `debounceMs` make one view. Suspended: no views. A new session: read again, a view when something differs.
 */
import { CoordinationError, reasonOf } from "../base/errors.ts";
import { Latch } from "../base/latch.ts";
import { parseLoad } from "../model/load.ts";
import {
  BROKERS,
  decodeTopic,
  LOAD,
  PRIMARIES,
  PUBLISHERS,
  SUBSCRIBERS,
  topicPath,
  TOPICS,
} from "../model/paths.ts";
import { parseStep, REBALANCE } from "../broker/rebalancer.ts";
import { type OwnerRecord, parseOwner } from "../recipes/owner_record.ts";
import { parsePoolMember, parseScalingPlan, POOL_MEMBERS, SCALING } from "../pool/scaling_plan.ts";
import { readSuccession } from "../recipes/succession.ts";
import { type SystemRecords, type SystemView, type TopicRecord, viewOf } from "./system_view.ts";
import { utf8 } from "../base/utf8.ts";
import { parseBrokerRecord, parsePublisherRecord, parseSubscriberRecord } from "../wire/control.ts";
import { isTransient } from "../zk/list_children.ts";
import { watchData, watchRecords } from "../zk/watch.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** The system, now and after each change. Ends when `signal` aborts. */
export async function* watchSystem(
  zk: ZooKeeper,
  signal: AbortSignal,
  debounceMs = 100,
): AsyncGenerator<SystemView, void, void> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const changed = new Latch();
  let failure: { error: unknown } | undefined;
  const fail = (error: unknown) => {
    failure ??= { error };
    ending.abort();
  };
  const primaries = new Collection(zk, PRIMARIES, parseBrokerRecord, both, debounceMs, changed);
  const brokers = new Collection(zk, BROKERS, parseBrokerRecord, both, debounceMs, changed);
  const publishers = new Collection(zk, PUBLISHERS, parsePublisherRecord, both, debounceMs, changed);
  const subscribers = new Collection(zk, SUBSCRIBERS, parseSubscriberRecord, both, debounceMs, changed);
  // Only to learn of changes: an owner's epoch is its node's stat, which is read with the data below.
  const topics = new Collection(zk, TOPICS, (_data, name) => name, both, debounceMs, changed);
  const load = new Single(zk, LOAD, (data) => parseLoad(utf8(data) ?? ""), both, changed);
  const members = new Collection(zk, POOL_MEMBERS, parsePoolMember, both, debounceMs, changed);
  const plan = new Single(zk, SCALING, parseScalingPlan, both, changed);
  const rebalance = new Single(zk, REBALANCE, parseStep, both, changed);
  const parts = [primaries, brokers, publishers, subscribers, topics, load, members, plan, rebalance];
  const running = parts.map((part) => part.run().catch(fail));
  try {
    while (!both.aborted) {
      changed.clear();
      if (parts.every(({ ready }) => ready)) {
        const records = {
          primaries: primaries.all,
          brokers: brokers.all,
          publishers: publishers.all,
          subscribers: subscribers.all,
          ...load.value === undefined ? {} : { load: load.value },
          scaling: { members: members.all, plan: plan.value, rebalance: rebalance.value },
        };
        try {
          const succession = await readSuccession(zk, contested(brokers.all.values()));
          const owners = await readTopics(zk, topics.all.keys(), publishers.all);
          const invalid = (await Promise.all(
            [primaries, brokers, publishers, subscribers, members].map((collection) =>
              collection.invalidNow()
            ),
          )).flat();
          yield viewOf({ ...records, topics: owners, succession, invalid } satisfies SystemRecords);
        } catch (error) {
          if (!isTransient(error)) throw error;
          await zk.connected(both);
          continue;
        }
      }
      await changed.wait(both);
    }
  } catch (error) {
    if (!both.aborted) throw error;
  } finally {
    ending.abort();
    await Promise.all(running);
  }
  if (failure) throw failure.error;
}

/** The records below one path. */
class Collection<T> {
  all: ReadonlyMap<string, T> = new Map<string, T>();
  ready = false;
  readonly #invalid = new Map<string, string>();

  constructor(
    readonly zk: ZooKeeper,
    readonly path: string,
    readonly parse: (data: Uint8Array, name: string) => T,
    readonly signal: AbortSignal,
    readonly debounceMs: number,
    readonly changed: Latch,
  ) {}

  async run(): Promise<void> {
    const { zk, path, parse, signal, debounceMs } = this;
    for await (const change of watchRecords(zk, path, parse, { signal, debounceMs })) {
      this.all = change.all;
      for (const name of [...change.added.keys(), ...change.changed.keys()]) this.#invalid.delete(name);
      for (const [name, reason] of change.invalid) this.#invalid.set(name, reason);
      this.ready = true;
      this.changed.set();
    }
  }

  /** One line for each record that is there and does not parse. */
  async invalidNow(): Promise<string[]> {
    for (const name of [...this.#invalid.keys()]) {
      if (await this.zk.exists(`${this.path}/${name}`) === undefined) this.#invalid.delete(name);
    }
    return [...this.#invalid].map(([name, reason]) => `${this.path}/${name}: ${reason}`);
  }
}

/** One znode's content; undefined when there is none, or it is not what it should be. */
class Single<T> {
  value: T | undefined;
  ready = false;

  constructor(
    readonly zk: ZooKeeper,
    readonly path: string,
    readonly parse: (data: Uint8Array) => T | undefined,
    readonly signal: AbortSignal,
    readonly changed: Latch,
  ) {}

  async run(): Promise<void> {
    for await (const node of watchData(this.zk, this.path, this.signal)) {
      this.value = node && this.#read(node.data);
      this.ready = true;
      this.changed.set();
    }
  }

  #read(data: Uint8Array): T | undefined {
    try {
      return this.parse(data);
    } catch {
      return undefined;
    }
  }
}

/** Zones with so many brokers that their order matters. */
function contested(brokers: Iterable<{ zone: number }>): number[] {
  const counts = new Map<number, number>();
  for (const { zone } of brokers) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 2).map(([zone]) => zone);
}

/** Who owns what. An owner that is no longer registered has left its name behind only. */
async function readTopics(
  zk: ZooKeeper,
  names: Iterable<string>,
  publishers: ReadonlyMap<string, unknown>,
): Promise<TopicRecord[]> {
  const records = await Promise.all([...names].map(async (name): Promise<TopicRecord | undefined> => {
    const topic = decodeTopic(name);
    if (topic === undefined) return undefined;
    try {
      const { data, stat } = await zk.getData(topicPath(topic));
      const owner: OwnerRecord | undefined = stat.numChildren > 0 ? parseOwner(data, stat) : undefined;
      const current = owner !== undefined && publishers.has(owner.publisher);
      return { topic, contenders: stat.numChildren, ...current ? { owner } : {} };
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return undefined;
      if (error instanceof CoordinationError) throw error;
      throw new Error(`cannot read the owner of topic ${topic}: ${reasonOf(error)}`, { cause: error });
    }
  }));
  return records.filter((record) => record !== undefined);
}
