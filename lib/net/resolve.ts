/**
 * The addresses behind the names of hosts, with a deadline. Every name that comes from outside goes through here
 * before a socket sees it: libzmq and `Deno.connect` wait for a silent name server on a thread that others need.
 *
 * Guarantee: whoever asks has an answer, or an error that names the host, within {@link DEADLINE_MS}. At most
 * {@link LOOKUPS} lookups run at a time, of the 32 threads that Deno has for them, for files and for the sockets' poll;
 * so a lookup that hangs takes nobody's thread, a name is looked up once however many ask, and names that were silent
 * before come after the others. It is the system's own lookup, `/etc/hosts` and its other sources included.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { monotonic } from "../base/clock.ts";
import { DeadlineError, PubsubError, reasonOf } from "../base/errors.ts";
import { isAddress, withoutBrackets } from "./host.ts";

/** How long one who asks waits. The lookup itself may go on: the next one to ask finds its answer. */
export const DEADLINE_MS = 2000;
/** Lookups under way at a time, and how many of them for names that were silent the last time. */
const LOOKUPS = 8;
const SILENT_LOOKUPS = 4;
/** An answer serves for so long; after that, only while the name server is silent. */
const FRESH_MS = 5000;
/** Names whose answers are remembered, and names that may wait. */
const NAMES = 1000;

/** All addresses of a host, in the system's order. */
export type Lookup = (host: string) => Promise<string[]>;

interface Job {
  readonly host: string;
  readonly startedAt: number;
  readonly answer: PromiseWithResolvers<string[]>;
  running: boolean;
  /** How many wait for it. */
  waiting: number;
}

/** Looks names up. */
export class Resolver {
  readonly #lookup: Lookup;
  readonly #now: () => number;
  readonly #jobs = new Map<string, Job>();
  readonly #known = new Map<string, { addresses: string[]; at: number }>();
  readonly #silent = new Set<string>();
  #running = 0;

  constructor(lookup: Lookup, now: () => number = monotonic) {
    this.#lookup = lookup;
    this.#now = now;
  }

  /**
   * The addresses of a host, at least one, those of IPv4 first; of an address itself.
   *
   * @throws {PubsubError} naming the host: there is none, or the name server does not answer; the signal's reason
   */
  async resolve(host: string, signal?: AbortSignal): Promise<string[]> {
    const name = withoutBrackets(host);
    if (isAddress(name)) return [name];
    signal?.throwIfAborted();
    const known = this.#known.get(name);
    if (known && this.#now() - known.at < FRESH_MS) return known.addresses;
    const job = this.#jobs.get(name) ?? this.#begin(name);
    try {
      return await this.#wait(job, signal);
    } catch (error) {
      if (known && error instanceof DeadlineError) return known.addresses;
      throw error;
    }
  }

  #begin(host: string): Job {
    if (this.#jobs.size >= NAMES) {
      throw new DeadlineError(`No address for host ${host}: ${NAMES} names are being looked up already`);
    }
    const answer = Promise.withResolvers<string[]>();
    answer.promise.catch(() => {});
    const job = { host, startedAt: this.#now(), answer, running: false, waiting: 0 };
    this.#jobs.set(host, job);
    return job;
  }

  async #wait(job: Job, signal: AbortSignal | undefined): Promise<string[]> {
    const early = Promise.withResolvers<never>();
    const abort = () => early.reject(signal!.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(() => {
      if (job.running) remember(this.#silent, job.host);
      early.reject(silence(job.host));
    }, Math.max(0, DEADLINE_MS - (this.#now() - job.startedAt)));
    job.waiting++;
    this.#next();
    try {
      return await Promise.race([job.answer.promise, early.promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      job.waiting--;
      // Nobody wants it any more, and it has not begun.
      if (job.waiting === 0 && !job.running) this.#jobs.delete(job.host);
    }
  }

  /** Start what may be started: names that answered the last time, or are new, first. */
  #next(): void {
    while (this.#running < LOOKUPS) {
      const waiting = [...this.#jobs.values()].filter(({ running }) => !running);
      const job = waiting.find(({ host }) => !this.#silent.has(host)) ??
        (this.#running < SILENT_LOOKUPS ? waiting[0] : undefined);
      if (job === undefined) return;
      void this.#run(job);
    }
  }

  async #run(job: Job): Promise<void> {
    const { host } = job;
    job.running = true;
    this.#running++;
    try {
      const addresses = ordered(await this.#lookup(host));
      if (addresses.length === 0) throw new PubsubError("it has none");
      this.#silent.delete(host);
      this.#known.delete(host);
      if (this.#known.size >= NAMES) this.#known.delete(this.#known.keys().next().value!);
      this.#known.set(host, { addresses, at: this.#now() });
      job.answer.resolve(addresses);
    } catch (error) {
      if (isSilence(error)) {
        remember(this.#silent, host);
        job.answer.reject(silence(host));
      } else {
        this.#known.delete(host);
        job.answer.reject(
          new PubsubError(`No address for host ${host}: ${meaning(error)}`, { cause: error }),
        );
      }
    } finally {
      this.#running--;
      this.#jobs.delete(host);
      this.#next();
    }
  }
}

function ordered(addresses: string[]): string[] {
  const all = [...new Set(addresses)];
  return [...all.filter((one) => isIP(one) === 4), ...all.filter((one) => isIP(one) === 6)];
}

function remember(names: Set<string>, name: string): void {
  if (names.size >= NAMES) names.delete(names.values().next().value!);
  names.add(name);
}

function silence(host: string): DeadlineError {
  return new DeadlineError(`No address for host ${host}: the name server does not answer`);
}

function isSilence(error: unknown): boolean {
  return (error as { code?: unknown })?.code === "EAI_AGAIN";
}

function meaning(error: unknown): string {
  return (error as { code?: unknown })?.code === "ENOTFOUND" ? "no such host" : reasonOf(error);
}

/** The process's resolver. */
export const resolver = new Resolver(async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address)
);
