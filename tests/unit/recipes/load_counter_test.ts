/** The load is right after any interleaving of those who count with those who come and go. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { CoordinationError } from "../../../lib/base/errors.ts";
import { formatLoad, loadOf } from "../../../lib/model/load.ts";
import { LOAD, PRIMARIES, PUBLISHERS, SUBSCRIBERS } from "../../../lib/model/paths.ts";
import { LoadCounter } from "../../../lib/recipes/load_counter.ts";
import type { ZooKeeper } from "../../../lib/zk/zookeeper.ts";

/** A coordination server whose operations happen one at a time, in an order that the test chooses. */
class Server {
  readonly children: Record<string, number> = { [PUBLISHERS]: 0, [SUBSCRIBERS]: 0, [PRIMARIES]: 1 };
  load: { text: string; version: number } | undefined;
  writes = 0;
  #turn: () => Promise<unknown>;

  constructor(turn: () => Promise<unknown>) {
    this.#turn = turn;
  }

  get truth(): string {
    return formatLoad(
      loadOf(this.children[PUBLISHERS]!, this.children[SUBSCRIBERS]!, this.children[PRIMARIES]!),
    );
  }

  client(): ZooKeeper {
    const act = async <T>(operation: () => T): Promise<T> => {
      await this.#turn(); // the request travels
      let result: T;
      let failed: { error: unknown } | undefined;
      try {
        result = operation();
      } catch (error) {
        failed = { error };
      }
      await this.#turn(); // and so does the answer
      if (failed) throw failed.error;
      return result!;
    };
    const fail = (code: "NO_NODE" | "BAD_VERSION" | "NODE_EXISTS"): never => {
      throw new CoordinationError(code, code);
    };
    return {
      getData: () =>
        act(() => {
          const { text, version } = this.load ?? fail("NO_NODE");
          return { data: new TextEncoder().encode(text), stat: { version } };
        }),
      exists: (path: string) => act(() => ({ numChildren: this.children[path] })),
      ensurePath: () => act(() => {}),
      create: (path: string, text: string) =>
        act(() => {
          assert.equal(path, LOAD);
          if (this.load) fail("NODE_EXISTS");
          this.load = { text, version: 0 };
          this.writes++;
        }),
      setData: (path: string, text: string, version: number) =>
        act(() => {
          assert.equal(path, LOAD);
          const current = this.load ?? fail("NO_NODE");
          if (current.version !== version) fail("BAD_VERSION");
          assert.notEqual(current.text, text, "it is not written when equal");
          this.load = { text, version: version + 1 };
          this.writes++;
        }),
    } as unknown as ZooKeeper;
  }
}

/** Somebody comes or goes: clients of either kind, or a zone. */
const event = fc.record({ path: fc.constantFrom(PUBLISHERS, SUBSCRIBERS, PRIMARIES), comes: fc.boolean() });

Deno.test("whatever the order in which counters count and clients come, go and die, the figure ends at the truth", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(event, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      async (scheduler, events, counters) => {
        const server = new Server(() => scheduler.schedule(Promise.resolve()));
        const all = Array.from({ length: counters }, () => new LoadCounter(server.client()));
        const counting: Promise<unknown>[] = [];
        // Each happens at some moment; everybody who counts hears of it and counts.
        for (const { path, comes } of events) {
          counting.push(
            scheduler.schedule(Promise.resolve()).then(async () => {
              server.children[path] = Math.max(0, server.children[path]! + (comes ? 1 : -1));
              await Promise.all(all.map((counter) => counter.recompute()));
            }),
          );
        }
        await scheduler.waitFor(Promise.all(counting));
        assert.equal(server.load?.text, server.truth);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("one who counted long ago does not overwrite what was written since", async () => {
  const waiting: (() => void)[] = [];
  let hold = false;
  const server = new Server(() =>
    hold ? new Promise<void>((resolve) => waiting.push(resolve)) : Promise.resolve()
  );
  server.load = { text: "9", version: 3 };
  server.children[PUBLISHERS] = 1;
  hold = true;
  const slow = new LoadCounter(server.client()).recompute();
  hold = false;
  // It has asked for the version; meanwhile another one counts, twice.
  const quick = new LoadCounter(server.client());
  assert.equal(await quick.recompute(), 1);
  for (const go of waiting.splice(0)) go();
  server.children[PUBLISHERS] = 7;
  assert.equal(await quick.recompute(), 7);
  assert.equal(await slow, 7);
  assert.deepEqual(server.load, { text: "7", version: 5 });
});
