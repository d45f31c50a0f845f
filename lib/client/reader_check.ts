/**
 * Whom a publisher listens to: subscribers that a broker has named, in the life that it has named them in. Pure: time is
 * a parameter.
 *
 * A request may come a moment before the broker's word, which takes another way: a few are kept for a second and given
 * out when their sender is named, so that a join costs no retry. Everything else of strangers is dropped and counted.
 */
import type { Roster } from "./roster.ts";
import type { Upstream } from "../wire/upstream.ts";

/** Requests of strangers that wait for the broker's word, and how long. */
const MAX_EARLY = 64;
const EARLY_MS = 1000;
/** Strangers are told of so often at most. */
const TOLD_EVERY_MS = 10_000;

/** The check at the door of one publisher. */
export class ReaderCheck {
  readonly #roster: Pick<Roster, "knows">;
  /** One of each stranger, the oldest first. */
  readonly #early = new Map<string, { message: Upstream; at: number }>();
  #dropped = 0;
  #told = 0;
  #toldAt = -Infinity;

  constructor(roster: Pick<Roster, "knows">) {
    this.#roster = roster;
  }

  /** Messages of strangers that were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether this is to be acted upon now. If not, it may be given out by {@link named}. */
  admits(message: Upstream, now: number): boolean {
    if (this.#knows(message)) return true;
    if (message.kind === "request") this.#keep(message, now);
    else this.#dropped++;
    return false;
  }

  /** The broker has named others: their requests that came before. */
  named(now: number): Upstream[] {
    this.#expire(now);
    const named: Upstream[] = [];
    for (const [key, { message }] of this.#early) {
      if (!this.#knows(message)) continue;
      this.#early.delete(key);
      named.push(message);
    }
    return named;
  }

  /** To be called now and then. @returns what is to be logged, if anything. */
  notice(now: number): string | undefined {
    this.#expire(now);
    if (this.#dropped === this.#told || now - this.#toldAt < TOLD_EVERY_MS) return undefined;
    const fresh = this.#dropped - this.#told;
    this.#told = this.#dropped;
    this.#toldAt = now;
    return `dropped ${fresh} messages of subscribers that no broker has named`;
  }

  #knows({ topic, subscriber, life }: Upstream): boolean {
    return this.#roster.knows(topic, subscriber, life);
  }

  #expire(now: number): void {
    for (const [key, { at }] of this.#early) {
      if (now - at <= EARLY_MS) return;
      this.#early.delete(key);
      this.#dropped++;
    }
  }

  #keep(message: Upstream, now: number): void {
    const key = `${message.topic}\0${message.subscriber}\0${message.life}`;
    if (this.#early.delete(key)) this.#dropped++;
    this.#early.set(key, { message, at: now });
    if (this.#early.size <= MAX_EARLY) return;
    this.#early.delete(this.#early.keys().next().value!);
    this.#dropped++;
  }
}
