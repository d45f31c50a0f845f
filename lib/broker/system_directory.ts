/**
 * What a broker knows of the whole system: every live broker, every publisher and subscriber, who is matched with whom.
 *
 * Znodes: follows `/brokers`, `/shared_state/publishers` and `/shared_state/subscribers`. Only new and changed records
 * are read, and the lists less often the longer they are. Nobody is known here without a record: who has none has no
 * session, and could be anybody. Suspended and lost: what was known stays; what has changed meanwhile is learnt
 * afterwards.
 *
 * Guarantee: reading many records holds up nothing else for long; of more topics than {@link MAX_TOPICS_KNOWN} the
 * records that come last are left out, and named.
 */
import { monotonic } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import type { Routing } from "../model/match_feed.ts";
import { type Asker, MatchIndex } from "../model/match_index.ts";
import { BROKERS, PUBLISHERS, SUBSCRIBERS } from "../model/paths.ts";
import {
  type BrokerRecord,
  parseBrokerRecord,
  parsePublisherRecord,
  parseSubscriberRecord,
} from "../wire/control.ts";
import { watchRecords } from "../zk/watch.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** Lists are read this often at most, so the first change of an idle moment, which a client waits for, at once ... */
const DEBOUNCE_MS = 10;
/** ... and so much less often for each record there is, as reading their list takes that much longer. */
const DEBOUNCE_MS_A_RECORD = 0.02;
/** Brokers that a subscriber is told of. */
const ROUTES = 3;

/** Topics of all clients of the system together, each as often as it is named. */
const MAX_TOPICS_KNOWN = 400_000;
/** Of records that cannot be read so many are named at a time. */
const MOST_NAMED = 5;
/** Records are taken in for so long before others have their turn. */
const TURN_MS = 10;

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
  #topics = 0;
  #fullTold = false;

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
        set: (info) => this.#set({ role: "publisher", info }),
        remove: (name) => this.#remove("publisher", name),
      }),
      this.#follow(zk, signal, SUBSCRIBERS, parseSubscriberRecord, {
        set: (info) => this.#set({ role: "subscriber", info }),
        remove: (name) => this.#remove("subscriber", name),
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
      let readAt = -Infinity;
      const debounceMs = (records: number) =>
        Math.max(0, readAt + DEBOUNCE_MS + DEBOUNCE_MS_A_RECORD * records - monotonic());
      for await (const change of watchRecords(zk, path, parse, { signal, debounceMs })) {
        let begunAt = readAt = monotonic();
        const turn = async () => {
          if (monotonic() - begunAt < TURN_MS) return;
          await new Promise((resolve) => setImmediate(resolve));
          begunAt = monotonic();
        };
        for (const name of change.removed) {
          apply.remove(name);
          await turn();
        }
        for (const record of [...change.added.values(), ...change.changed.values()]) {
          apply.set(record);
          await turn();
        }
        for (const name of change.invalid.keys()) apply.remove(name);
        this.#complain(path, [...change.invalid]);
        apply.done?.();
        loaded.resolve();
        this.#listener.onChanges();
      }
    })();
    return { loaded: loaded.promise, ended };
  }

  /** Name what cannot be read; of much the first only. */
  #complain(path: string, invalid: readonly [name: string, reason: string][]): void {
    for (const [name, reason] of invalid.slice(0, MOST_NAMED)) {
      log.warn(`${this.#owner}: ignoring znode ${path}/${name}: ${reason}`);
    }
    const more = invalid.length - MOST_NAMED;
    if (more > 0) log.warn(`${this.#owner}: ignoring ${more} more znodes of ${path}`);
  }

  #set(asker: Asker): void {
    const { role, info } = asker;
    const known = role === "publisher" ? this.index.publishers : this.index.subscribers;
    const topics = this.#topics + info.topics.length - (known.get(info.id)?.topics.length ?? 0);
    if (topics > MAX_TOPICS_KNOWN) {
      this.#remove(role, info.id);
      if (!this.#fullTold) {
        log.warn(
          `${this.#owner}: ignoring ${role} ${info.id} and others that come later: all clients together have more ` +
            `than ${MAX_TOPICS_KNOWN} topics`,
        );
      }
      this.#fullTold = true;
      return;
    }
    this.#topics = topics;
    const changed = role === "publisher"
      ? this.index.setPublisher(asker.info)
      : this.index.setSubscriber(asker.info);
    this.#listener.onClient(role, info.id, changed);
  }

  #remove(role: Asker["role"], id: string): void {
    const topics = role === "publisher" ? this.index.deletePublisher(id) : this.index.deleteSubscriber(id);
    this.#topics -= topics.length;
    if (this.#topics <= MAX_TOPICS_KNOWN / 2) this.#fullTold = false;
    this.#listener.onClient(role, id, topics);
  }

  /** The incarnation whose record has this id in this role, if there is one. */
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

  /** The term of a zone's primary, another broker that takes clients, to compare; empty when there is none. */
  termOf(zone: number): string {
    const terms = this.#brokers.values().filter((record) =>
      record.zone === zone && record.broker !== this.#owner
    );
    return terms.map(termIn).find((term) => term !== "") ?? "";
  }

  /** Whether this term goes on, and its broker takes clients. */
  hasTerm(term: string): boolean {
    return term !== "" && this.#brokers.values().some((record) => termIn(record) === term);
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

function termIn({ broker, standby, draining, epoch }: BrokerRecord): string {
  return standby || draining ? "" : `${broker} ${epoch}`;
}
