/**
 * The life of a public object: latent → starting → running → closing → closed. It owns what runs in the background.
 *
 * Guarantee: a start always settles. Asked for twice it is one; closed meanwhile it rejects, and so it does after that.
 * A close waits for what has begun before it takes down what that made, so that nothing is made afterwards, and for
 * every task. A task that fails makes the object fail, unless it is leaving.
 */
import { PubsubError, reasonOf, UsageError } from "./errors.ts";
import { shown } from "./option_rules.ts";

/** Waits for a promise, but no longer than until the object leaves, fails, or is not wanted any more: then it rejects. */
export type Step = <T>(promise: Promise<T>) => Promise<T>;

/** What an object does for a while; `stop` aborts when it is to be given up. It has to end soon after that. */
export type Work = (step: Step, stop: AbortSignal) => Promise<void>;

export class Lifecycle {
  /** Whether it may be used: started, and not asked to close. */
  running = false;
  readonly #who: string;
  readonly #leaving = new AbortController();
  readonly #failed = Promise.withResolvers<never>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #works = new Set<Promise<void>>();
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Why its start failed. */
  #failure: unknown;

  /** @param who for errors, such as `Publisher p1`. */
  constructor(who: string) {
    this.#who = who;
    this.#failed.promise.catch(() => {});
  }

  /** Aborts when it leaves. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }
  /** Rejects with the first failure; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** A task that ends with the object. */
  own(task: Promise<unknown>): void {
    const owned = task.then(() => {}, (error) => {
      if (!this.#leaving.signal.aborted) this.#failed.reject(error);
    }).finally(() => this.#tasks.delete(owned));
    this.#tasks.add(owned);
  }

  /** @throws {PubsubError} unless it is running. */
  check(): void {
    if (!this.running) throw this.#notRunning();
  }

  #notRunning(): PubsubError {
    const why = this.#closing
      ? "is closed"
      : this.#failure !== undefined
      ? `has not started (${reasonOf(this.#failure)}): close it, and make another one`
      : "has not started: await its start() first";
    return new PubsubError(`${this.#who} ${why}`);
  }

  /**
   * Start, once: whoever asks again gets the same, and its failure; the first one's signal counts.
   *
   * @param signal gives the start up; what it has made until then goes with the close.
   */
  start(signal: AbortSignal | undefined, work: Work): Promise<void> {
    if (this.#closing) return Promise.reject(this.#notRunning());
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      return Promise.reject(new UsageError(`Invalid signal ${shown(signal)}: must be an AbortSignal`));
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    return this.#starting ??= this.run(signal, work).then(
      () => {
        this.#refuseIfLeaving();
        this.running = true;
      },
      (error) => {
        this.#refuseIfLeaving();
        this.#failure = error ?? "it was given up";
        throw error;
      },
    );
  }

  #refuseIfLeaving(): void {
    if (this.#closing) throw new PubsubError(`${this.#who} was closed before it had started`);
  }

  /** Do something that a close waits for. */
  run(signal: AbortSignal | undefined, work: Work): Promise<void> {
    const stopping = new AbortController();
    const stopped = Promise.withResolvers<never>();
    stopped.promise.catch(() => {});
    const sources = [this.#leaving.signal, ...signal ? [signal] : []];
    const stop = ({ target }: { target: EventTarget | null }) => {
      const { reason } = target as AbortSignal;
      stopping.abort(reason);
      stopped.reject(reason);
    };
    for (const source of sources) {
      source.addEventListener("abort", stop, { once: true });
      if (source.aborted) stop({ target: source });
    }
    const step: Step = (promise) => Promise.race([promise, stopped.promise, this.failed]);
    const working = Promise.try(work, step, stopping.signal).finally(() => {
      for (const source of sources) source.removeEventListener("abort", stop);
    });
    const settled = working.catch(() => {}).finally(() => this.#works.delete(settled));
    this.#works.add(settled);
    return working;
  }

  /**
   * Leave, once.
   *
   * @param farewell what is still done while it is what it was, if it was running.
   * @param takeDown ends what was made; tasks are waited for after that.
   */
  close(farewell: () => Promise<void>, takeDown: () => Promise<void>): Promise<void> {
    // Whoever does not wait for the start is not to hear of its end.
    this.#starting?.catch(() => {});
    return this.#closing ??= this.#close(farewell, takeDown);
  }

  async #close(farewell: () => Promise<void>, takeDown: () => Promise<void>): Promise<void> {
    const wasRunning = this.running;
    this.running = false;
    try {
      if (wasRunning) await farewell();
    } finally {
      this.#leaving.abort();
      while (this.#works.size > 0) await Promise.all(this.#works);
      await takeDown();
      while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    }
  }
}
