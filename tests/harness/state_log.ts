/** Writes down every state a client goes through, as its consumers see them. */
import type { SessionState, ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { until } from "./condition.ts";

export class StateLog implements AsyncDisposable {
  readonly states: SessionState[] = [];
  readonly #stopping = new AbortController();
  readonly #following: Promise<void>;

  constructor(zk: ZooKeeper) {
    this.#following = this.#follow(zk);
  }

  /** Resolves when the states seen since the last call contain these, in this order; forgets them. */
  async saw(...expected: SessionState[]): Promise<void> {
    await until(`states ${expected.join(", ")}`, () => {
      let at = 0;
      for (const state of this.states) if (state === expected[at]) at += 1;
      return at === expected.length;
    }, 30_000);
    this.states.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  async #follow(zk: ZooKeeper): Promise<void> {
    for await (const state of zk.changes(this.#stopping.signal)) this.states.push(state);
  }
}
