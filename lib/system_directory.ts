/**
 * What a broker knows of the whole system: every live broker, every publisher and subscriber, who is matched with whom.
 *
 * Znodes: follows `/brokers`, `/shared_state/publishers` and `/shared_state/subscribers`. Only new and changed records
 * are read, and the lists less often the longer they are. A client that registers here is known at once, before its
 * record is there. Suspended and lost: what was known stays; what has changed meanwhile is learnt afterwards.
 */
import { logger } from "./log.ts";
import type { Routing } from "./match_feed.ts";
import { type Asker, MatchIndex } from "./match_index.ts";
import { BROKERS, PUBLISHERS, SUBSCRIBERS } from "./paths.ts";
import {
  type BrokerRecord,
  parseBrokerRecord,
  parsePublisherRecord,
  parseSubscriberRecord,
} from "./wire/control.ts";
import { watchRecords } from "./zk/watch.ts";
import type { ZooKeeper } from "./zk/zookeeper.ts";

/** Changes are gathered for so long ... */
const DEBOUNCE_MS = 10;
/** ... and for so much longer for each record there is, as reading their list takes that much longer. */
const DEBOUNCE_MS_A_RECORD = 0.02;
/** Brokers that a subscriber is told of. */
const ROUTES = 3;

const log = logger("broker");

/** What the directory tells its broker. */
export interface DirectoryListener {
  /** A client has come, gone or changed: others on these topics may have to be told. */
  onClient(role: Asker["role"], id: string, topics: readonly string[]): void;
  /** Brokers have come, gone or changed. */
  onBrokers(): void;
  /** All changes that were read together have been told. */
  onChanges(): void;
}

/** Everybody. */
export class SystemDirectory {
  readonly index: MatchIndex = new MatchIndex();
  readonly #owner: string;
  readonly #listener: DirectoryListener;
  readonly #brokers = new Map<string, BrokerRecord>();
  /** "role id" of everybody who has a record. */
  readonly #recorded = new Set<string>();

  /** @param owner the broker's id. */
  constructor(owner: string, listener: DirectoryListener) {
    this.#owner = owner;
    this.#listener = listener;
  }

  /** How many brokers are alive. */
  get brokers(): number {
    return this.#brokers.size;
  }

  /** Follow the records. `loaded` resolves when the current ones are known, `ended` when `signal` has aborted. */
  follow(zk: ZooKeeper, signal: AbortSignal): { loaded: Promise<unknown>; ended: Promise<unknown> } {
    const parts = [
      this.#follow(zk, signal, BROKERS, parseBrokerRecord, {
        set: (record) => void this.#brokers.set(record.broker, record),
        remove: (name) => void this.#brokers.delete(name),
        done: () => this.#listener.onBrokers(),
      }),
      this.#follow(zk, signal, PUBLISHERS, parsePublisherRecord, {
        set: (info) => this.#record({ role: "publisher", info }),
        remove: (name) => this.#erase("publisher", name),
      }),
      this.#follow(zk, signal, SUBSCRIBERS, parseSubscriberRecord, {
        set: (info) => this.#record({ role: "subscriber", info }),
        remove: (name) => this.#erase("subscriber", name),
      }),
    ];
    return {
      loaded: Promise.all(parts.map(({ loaded }) => loaded)),
      ended: Promise.all(parts.map(({ ended }) => ended)),
    };
  }

  #follow<T>(
    zk: ZooKeeper,
    signal: AbortSignal,
    path: string,
    parse: (data: Uint8Array, name: string) => T,
    apply: { set(record: T): void; remove(name: string): void; done?(): void },
  ): { loaded: Promise<void>; ended: Promise<void> } {
    const loaded = Promise.withResolvers<void>();
    const ended = (async () => {
      const debounceMs = (records: number) => DEBOUNCE_MS + DEBOUNCE_MS_A_RECORD * records;
      for await (const change of watchRecords(zk, path, parse, { signal, debounceMs })) {
        for (const name of change.removed) apply.remove(name);
        for (const record of [...change.added.values(), ...change.changed.values()]) apply.set(record);
        for (const [name, reason] of change.invalid) {
          apply.remove(name);
          log.warn(`${this.#owner}: ignoring znode ${path}/${name}: ${reason}`);
        }
        apply.done?.();
        loaded.resolve();
        this.#listener.onChanges();
      }
    })();
    return { loaded: loaded.promise, ended };
  }

  #record(asker: Asker): void {
    this.#recorded.add(`${asker.role} ${asker.info.id}`);
    this.add(asker);
  }

  #erase(role: Asker["role"], id: string): void {
    this.#recorded.delete(`${role} ${id}`);
    this.#remove(role, id);
  }

  /** A client is there, whether or not it has a record yet. */
  add(asker: Asker): void {
    const topics = asker.role === "publisher"
      ? this.index.setPublisher(asker.info)
      : this.index.setSubscriber(asker.info);
    this.#listener.onClient(asker.role, asker.info.id, topics);
  }

  /** A client has left: before its record was there it is known to nobody else. */
  forgetUnrecorded({ role, info: { id } }: Asker): void {
    if (!this.#recorded.has(`${role} ${id}`)) this.#remove(role, id);
  }

  #remove(role: Asker["role"], id: string): void {
    const topics = role === "publisher" ? this.index.deletePublisher(id) : this.index.deleteSubscriber(id);
    this.#listener.onClient(role, id, topics);
  }

  /** The incarnation that has this id in this role, if anybody has. */
  incarnationOf(role: Asker["role"], id: string): number | undefined {
    const clients = role === "publisher" ? this.index.publishers : this.index.subscribers;
    return clients.get(id)?.incarnation;
  }

  /** The zones that have a primary. */
  zones(): { zone: number; draining: boolean }[] {
    return [...this.#brokers.values()].filter(({ standby }) => !standby)
      .map(({ zone, draining = false }) => ({ zone, draining }));
  }

  /** Another broker that leads this zone. */
  primaryOf(zone: number): string | undefined {
    return this.#brokers.values()
      .find((record) => record.zone === zone && !record.standby && record.broker !== this.#owner)?.broker;
  }

  /** What the broker with this record offers its clients: its own egress, then others of its zone, then other zones'. */
  routing(own: BrokerRecord, centralized: boolean): Routing {
    const rank = ({ zone, standby }: BrokerRecord) => (zone === own.zone ? 0 : 2) + (standby ? 1 : 0);
    const all = [...this.#brokers.values()];
    const others = all
      .filter(({ broker, draining }) => broker !== own.broker && !draining)
      .sort((a, b) => rank(a) - rank(b) || (a.broker < b.broker ? -1 : 1));
    return {
      egress: [own, ...others].slice(0, ROUTES).map(({ egress }) => egress),
      ingress: all.map(({ ingress }) => ingress).sort(),
      centralized,
    };
  }
}
