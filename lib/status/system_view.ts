/**
 * The whole system as an operator sees it: zones, clients, owners, load, and every pair that does not match and why.
 * Pure: it is computed from the records that ZooKeeper holds.
 */
import { mismatchesOf } from "../model/match.ts";
import { compareNaturally } from "../base/natural_order.ts";
import { type ScalingRecords, type ScalingView, scalingViewOf } from "./scaling_view.ts";
import type { BrokerRecord, Mismatch, PublisherRecord, SubscriberRecord } from "../wire/control.ts";

/** What `/topics/<topic>` holds. */
export interface TopicRecord {
  readonly topic: string;
  /** Undefined when nobody owns it now. */
  readonly owner?: { readonly publisher: string; readonly strength: number; readonly epoch: bigint };
  /** Publishers that want it, the owner included. */
  readonly contenders: number;
}

/** Everything that was read. */
export interface SystemRecords {
  /** By znode name: `zone_3`. */
  readonly primaries: ReadonlyMap<string, BrokerRecord>;
  readonly brokers: ReadonlyMap<string, BrokerRecord>;
  readonly publishers: ReadonlyMap<string, PublisherRecord>;
  readonly subscribers: ReadonlyMap<string, SubscriberRecord>;
  readonly topics: readonly TopicRecord[];
  /** Of zones with several standbys: their brokers' ids in the order of succession. */
  readonly succession?: ReadonlyMap<number, readonly string[]>;
  /** `/shared_state/current_load`; undefined when it was never written. */
  readonly load?: number;
  /** Backup pools, and what was scaled and moved. */
  readonly scaling?: ScalingRecords;
  /** Records that do not follow their format, one line each. */
  readonly invalid: readonly string[];
}

/** One broker of a zone. */
export interface BrokerView {
  readonly id: string;
  readonly control: string;
  readonly ingress: string;
  readonly egress: string;
}

/** One zone. */
export interface ZoneView {
  readonly zone: number;
  /** Null while the zone has no primary. */
  readonly primary: BrokerView | null;
  /** Of the primary's election, decimal text; null without primary. */
  readonly epoch: string | null;
  /** Who is next first. */
  readonly standbys: readonly BrokerView[];
  readonly publishers: number;
  readonly subscribers: number;
}

/** One registered client. */
export interface ClientView {
  readonly id: string;
  readonly zone: number;
  readonly topics: readonly string[];
  /** Offered by a publisher, requested by a subscriber. */
  readonly history: number;
  readonly ownership: string;
  readonly address: string;
  /** Pairs (topic, other client) that match. */
  readonly matches: number;
}

/** A registered publisher. */
export interface PublisherView extends ClientView {
  readonly strength: number;
  readonly centralized: boolean;
}

/** A registered subscriber. */
export interface SubscriberView extends ClientView {
  readonly reliability: string;
  /** Null: as its broker says. */
  readonly centralized: boolean | null;
}

/** One topic that has, or had, an owner. */
export interface TopicView {
  readonly topic: string;
  readonly owner: string | null;
  readonly strength: number | null;
  readonly epoch: string | null;
  readonly contenders: number;
}

/** The system. */
export interface SystemView {
  /** Clients a zone; null when it was never written. */
  readonly load: number | null;
  readonly zones: readonly ZoneView[];
  readonly publishers: readonly PublisherView[];
  readonly subscribers: readonly SubscriberView[];
  readonly topics: readonly TopicView[];
  readonly mismatches: readonly Mismatch[];
  readonly scaling: ScalingView;
  readonly invalid: readonly string[];
}

/** What the records mean. */
export function viewOf(records: SystemRecords): SystemView {
  const { matches, mismatches } = matchAll(records);
  return {
    load: records.load === undefined || !Number.isFinite(records.load) ? null : records.load,
    zones: zonesOf(records),
    publishers: sortedById([...records.publishers.values()].map((record) => ({
      ...clientOf(record, record.offered, matches.get(record) ?? 0),
      strength: record.strength,
      centralized: record.centralized,
    }))),
    subscribers: sortedById([...records.subscribers.values()].map((record) => ({
      ...clientOf(record, record.requested, matches.get(record) ?? 0),
      reliability: record.reliability,
      centralized: record.centralized ?? null,
    }))),
    topics: records.topics.map(({ topic, owner, contenders }) => ({
      topic,
      owner: owner?.publisher ?? null,
      strength: owner?.strength ?? null,
      epoch: owner?.epoch.toString() ?? null,
      contenders,
    })).sort((a, b) => compareNaturally(a.topic, b.topic)),
    mismatches,
    scaling: scalingViewOf(records.scaling ?? {}),
    invalid: records.invalid,
  };
}

type ClientRecord = PublisherRecord | SubscriberRecord;

function clientOf(record: ClientRecord, history: number, matches: number): ClientView {
  const { id, zone, topics, ownership, address } = record;
  return { id, zone, topics, history, ownership, address, matches };
}

function brokerOf(record: BrokerRecord): BrokerView {
  return { id: record.broker, control: record.control, ingress: record.ingress, egress: record.egress };
}

function zonesOf(records: SystemRecords): ZoneView[] {
  const brokers = [...records.brokers.values()];
  const primaries = [...records.primaries.values()];
  const zones = new Set([...primaries, ...brokers].map(({ zone }) => zone));
  const count = (clients: ReadonlyMap<string, ClientRecord>, zone: number) =>
    clients.values().reduce((sum, client) => sum + (client.zone === zone ? 1 : 0), 0);
  return [...zones].sort((a, b) => a - b).map((zone) => {
    const primary = primaries.find((record) => record.zone === zone);
    return {
      zone,
      primary: primary ? brokerOf(primary) : null,
      epoch: primary?.epoch ?? null,
      standbys: inOrder(
        brokers.filter((record) => record.zone === zone && record.broker !== primary?.broker).map(brokerOf),
        records.succession?.get(zone) ?? [],
      ),
      publishers: count(records.publishers, zone),
      subscribers: count(records.subscribers, zone),
    };
  });
}

/** Every pair that shares a topic: counted when it matches, explained when it does not. */
function matchAll(records: SystemRecords): { matches: Map<ClientRecord, number>; mismatches: Mismatch[] } {
  const byTopic = new Map<string, PublisherRecord[]>();
  for (const publisher of records.publishers.values()) {
    for (const topic of new Set(publisher.topics)) {
      const list = byTopic.get(topic);
      if (list) list.push(publisher);
      else byTopic.set(topic, [publisher]);
    }
  }
  const matches = new Map<ClientRecord, number>();
  const mismatches: Mismatch[] = [];
  const add = (record: ClientRecord) => matches.set(record, (matches.get(record) ?? 0) + 1);
  for (const subscriber of records.subscribers.values()) {
    for (const topic of new Set(subscriber.topics)) {
      for (const publisher of byTopic.get(topic) ?? []) {
        const found = mismatchesOf(topic, publisher, subscriber);
        mismatches.push(...found);
        if (found.length > 0) continue;
        add(subscriber);
        add(publisher);
      }
    }
  }
  return { matches, mismatches };
}

function sortedById<T extends { readonly id: string }>(items: T[]): T[] {
  return items.sort((a, b) => compareNaturally(a.id, b.id));
}

/** In this order; who is not in it comes after those who are. */
function inOrder(brokers: BrokerView[], succession: readonly string[]): BrokerView[] {
  const place = new Map(succession.map((id, index) => [id, index]));
  const placeOf = ({ id }: BrokerView) => place.get(id) ?? succession.length;
  return sortedById(brokers).sort((a, b) => placeOf(a) - placeOf(b));
}
