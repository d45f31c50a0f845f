/**
 * Whether a broker takes a registration. Pure: time is a parameter, monotonic milliseconds.
 *
 * Guarantee: an id is one client's. Whose record is in ZooKeeper has it; without a record, who was heard of lately. The
 * same client is known by the key that only it and its brokers know, by whatever connection it comes, and only its
 * newest registration counts: one that comes late, by a connection that was given up, changes nothing. Registrations
 * are bounded in number, in topics and in rate, so that nobody can use up the broker.
 */
import { Allowance } from "../base/allowance.ts";
import type { Asker } from "../model/match_index.ts";
import type { Registry } from "./registry.ts";

/** Bounds of one broker. */
export interface AdmissionLimits {
  readonly clients: number;
  /** Topics of all clients together, each as often as it is named. */
  readonly topics: number;
  /** Registrations at once, and a second after that. */
  readonly registrations: { readonly burst: number; readonly perSecond: number };
  /** Topics in them. */
  readonly named: { readonly burst: number; readonly perSecond: number };
}

export const ADMISSION_LIMITS: AdmissionLimits = {
  clients: 20_000,
  topics: 200_000,
  registrations: { burst: 4000, perSecond: 1000 },
  named: { burst: 50_000, perSecond: 20_000 },
};

/** Who asks. */
export interface Registrant {
  readonly asker: Asker;
  readonly key: string;
  readonly attempt: number;
}

/** `late`: it is not to be answered. */
export type Verdict = "welcome" | "late" | { readonly code: "id_in_use" | "busy"; readonly reason: string };

/** Decides for one broker. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #registrations: Allowance;
  readonly #named: Allowance;

  constructor(limits: AdmissionLimits = ADMISSION_LIMITS) {
    this.#limits = limits;
    this.#registrations = new Allowance(limits.registrations);
    this.#named = new Allowance(limits.named);
  }

  /** @param recorded the incarnation whose record is in ZooKeeper; undefined when there is none. */
  decide(registrant: Registrant, recorded: number | undefined, registry: Registry, now: number): Verdict {
    const { asker: { role, info }, key, attempt } = registrant;
    const known = registry.get(role, info.id);
    const isKnown = known !== undefined && known.asker.info.incarnation === info.incarnation;
    const inUse = {
      code: "id_in_use",
      reason: `id ${info.id} is in use by another ${role}, which is alive or whose session is not over`,
    } as const;
    if (recorded !== undefined && recorded !== info.incarnation) return inUse;
    if (isKnown && known.key !== key && registry.isAlive(known, now)) return inUse;
    if (isKnown && known.key === key && attempt < known.attempt) return "late";
    if (known !== undefined && !isKnown && recorded === undefined && registry.isAlive(known, now)) {
      return inUse;
    }
    if (!this.#registrations.has(now) || !this.#named.has(now)) {
      return { code: "busy", reason: "more clients register than it can take at once" };
    }
    this.#registrations.take(1);
    this.#named.take(info.topics.length);
    const topics = registry.topics + info.topics.length - (known?.asker.info.topics.length ?? 0);
    if (known === undefined && registry.size >= this.#limits.clients) {
      return { code: "busy", reason: `it has ${this.#limits.clients} clients, and takes no more` };
    }
    if (topics > this.#limits.topics) {
      return { code: "busy", reason: `its clients have ${this.#limits.topics} topics, and it takes no more` };
    }
    return "welcome";
  }
}
