/**
 * The load figure in `/shared_state/current_load`, kept by every primary broker.
 *
 * Guarantees: written by compare-and-set: the figure's version is read before the clients and zones are counted, so a
 * count that is out of date never overwrites a newer one; a conflict is counted again. Not written when equal. The
 * figure itself is watched too: whatever another one writes is checked against a count.
 *
 * Of many counters one is enough: the first of them counts at once, the others some time later, and write only if the
 * figure is wrong then. So a change costs a count, not as many as there are zones, and a first one that has stopped
 * acting is made good for.
 *
 * Suspended: nothing is done. Attached again or a new session: counted again. Only while started, that is while this
 * broker is primary.
 */
import { CoordinationError } from "../base/errors.ts";
import { formatLoad, loadOf } from "../model/load.ts";
import { logger } from "../base/log.ts";
import { LOAD, PRIMARIES, PUBLISHERS, SUBSCRIBERS } from "../model/paths.ts";
import { Latch } from "../base/latch.ts";
import { utf8 } from "../base/utf8.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";
import { pause } from "../base/pause.ts";
import { inEverySession } from "./sessions.ts";
import { watchChildren } from "../zk/watch.ts";

const log = logger("load");

const DEBOUNCE_MS = 50;
/** How long after a change the others look whether the first one has counted it: between once and twice this. */
const LATER_MS = 750;
const MAX_ATTEMPTS = 20;

/** How a counter works together with others. */
export interface LoadCounterOptions {
  /** Whether it is the first of all counters, now. @default {always} */
  isFirst?: () => boolean;
  /**
   * Whether it is told of changes ({@link LoadCounter.poke}), and watches neither clients nor zones itself.
   * @default {false}
   */
  told?: boolean;
}

export class LoadCounter implements AsyncDisposable {
  readonly #zk: ZooKeeper;
  readonly #isFirst: () => boolean;
  readonly #told: boolean;
  readonly #changed = new Latch();
  #stopping: AbortController | undefined;
  #running: Promise<unknown> = Promise.resolve();

  /** Does nothing before {@link start}. */
  constructor(zk: ZooKeeper, options: LoadCounterOptions = {}) {
    this.#zk = zk;
    this.#isFirst = options.isFirst ?? (() => true);
    this.#told = options.told ?? false;
  }

  /** Clients or zones have come or gone. */
  poke(): void {
    this.#changed.set();
  }

  /** Keep the figure right from now on. */
  start(): void {
    if (this.#stopping !== undefined) return;
    const stopping = this.#stopping = new AbortController();
    const { signal } = stopping;
    this.#running = Promise.all([
      this.#running,
      ...(this.#told ? [] : [PUBLISHERS, SUBSCRIBERS, PRIMARIES]).map((path) =>
        this.#follow(signal, () => watchChildren(this.#zk, path, signal))
      ),
      inEverySession(this.#zk, signal, "load", () => this.#keep(signal)),
    ]);
  }

  /** Leave the figure to others. */
  stop(): void {
    this.#stopping?.abort();
    this.#zk.unwatch(LOAD, this.#changed.set);
    this.#stopping = undefined;
  }

  /**
   * Count, and write the load unless it is there already.
   *
   * @returns the load.
   * @throws {CoordinationError}
   */
  async recompute(): Promise<number> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#recomputeOnce();
      } catch (error) {
        // Somebody was faster, or created or removed the node.
        const again = CoordinationError.is(error, "BAD_VERSION", "NODE_EXISTS", "NO_NODE");
        if (!again || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** Stop, and resolve when nothing is under way any more. */
  async close(): Promise<void> {
    this.stop();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Count again at each change of what is watched. */
  #follow(signal: AbortSignal, watch: () => AsyncIterable<unknown>): Promise<void> {
    return inEverySession(this.#zk, signal, "load", async () => {
      for await (const _change of watch()) this.#changed.set();
    });
  }

  async #keep(signal: AbortSignal): Promise<void> {
    this.#changed.clear();
    const load = await this.recompute();
    if (!this.#isFirst() || await this.#unchanged(load)) await this.#changed.wait(signal);
    await pause(this.#isFirst() ? DEBOUNCE_MS : LATER_MS * (1 + Math.random()), signal);
  }

  /** Watch the figure. @returns whether it is still this. */
  async #unchanged(load: number): Promise<boolean> {
    try {
      const { data } = await this.#zk.getData(LOAD, this.#changed.set);
      return utf8(data) === formatLoad(load);
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return false;
      throw error;
    }
  }

  async #recomputeOnce(): Promise<number> {
    const current = await this.#current();
    const [publishers, subscribers, zones] = await Promise.all(
      [PUBLISHERS, SUBSCRIBERS, PRIMARIES].map(async (path) =>
        (await this.#zk.exists(path))?.numChildren ?? 0
      ),
    );
    const load = loadOf(publishers!, subscribers!, zones!);
    const text = formatLoad(load);
    if (current === undefined) {
      await this.#zk.ensurePath(LOAD.slice(0, LOAD.lastIndexOf("/")));
      await this.#zk.create(LOAD, text);
    } else if (current.text !== text) {
      await this.#zk.setData(LOAD, text, current.version);
    } else return load;
    log.debug(`load ${text}: ${publishers} publishers, ${subscribers} subscribers, ${zones} zones`);
    return load;
  }

  async #current(): Promise<{ text: string; version: number } | undefined> {
    try {
      const { data, stat } = await this.#zk.getData(LOAD);
      return { text: utf8(data) ?? "", version: stat.version };
    } catch (error) {
      if (CoordinationError.is(error, "NO_NODE")) return undefined;
      throw error;
    }
  }
}
