/** Looks at a system as `pubsub status --watch` does, from inside the test, and remembers every view. */
import { watchSystem } from "../../lib/status/system_watch.ts";
import type { SystemView } from "../../lib/status/system_view.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { until } from "./condition.ts";

export class Observer implements AsyncDisposable {
  readonly zk: ZooKeeper;
  readonly views: SystemView[] = [];
  readonly #ending = new AbortController();
  readonly #watching: Promise<void>;

  constructor(zookeeper: string) {
    this.zk = new ZooKeeper({ servers: zookeeper });
    this.#watching = this.#watch();
  }

  async #watch(): Promise<void> {
    for await (const view of watchSystem(this.zk, this.#ending.signal, 20)) this.views.push(view);
  }

  /** The newest view. */
  get view(): SystemView | undefined {
    return this.views.at(-1);
  }

  /** Zones that have a primary. */
  get zones(): number[] {
    return this.view?.zones.filter(({ primary }) => primary !== null).map(({ zone }) => zone) ?? [];
  }

  /** Clients of each zone that has a primary. */
  get counts(): number[] {
    return this.view?.zones.filter(({ primary }) => primary !== null)
      .map(({ publishers, subscribers }) => publishers + subscribers) ?? [];
  }

  get clients(): number {
    return (this.view?.publishers.length ?? 0) + (this.view?.subscribers.length ?? 0);
  }

  /** The steps of scaling so far, as text. */
  get steps(): string[] {
    return this.view?.scaling.steps.map(({ text }) => text) ?? [];
  }

  /** Wait for a view; the failure tells what it was instead. @returns after how many milliseconds it came. */
  async sees(name: string, predicate: () => boolean, deadlineMs = 40_000): Promise<number> {
    const start = performance.now();
    await until(name, predicate, deadlineMs).catch((error) => {
      const { zones, counts, steps } = this;
      throw new Error(`${error.message}; it is ${JSON.stringify({ zones, counts, steps })}`);
    });
    return performance.now() - start;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.zk.close();
    await this.#watching;
  }
}
