/** Watches as iterables: never a change missed, never a child read twice, whatever happens to the connection. */
import assert from "node:assert/strict";
import { FormatError } from "../../../lib/base/errors.ts";
import { type RecordChange, watchChildren, watchData, watchRecords } from "../../../lib/zk/watch.ts";
import { delay, until } from "../../harness/condition.ts";
import { type Place, Scope, suite } from "../../harness/coordination.ts";

const test = suite();
const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** Collects what an iterable gives. */
class Collector<T> {
  readonly items: T[] = [];
  done = false;
  constructor(iterable: AsyncIterable<T>, onItem: (item: T) => void = () => {}) {
    void (async () => {
      for await (const item of iterable) {
        onItem(item);
        this.items.push(item);
      }
      this.done = true;
    })();
  }
  get last(): T | undefined {
    return this.items.at(-1);
  }
}

function parse(data: Uint8Array): string {
  const value = text(data);
  if (value.startsWith("bad")) throw new FormatError(`no record: ${value}`);
  return value;
}

/** Two clients, the first through a proxy, and a scope. */
async function pair(place: Place, sessionTimeoutMs = 10_000) {
  const proxy = place.proxy();
  const [zk, other] = [
    place.client({ through: proxy, sessionTimeoutMs }),
    place.client({ sessionTimeoutMs: 10_000 }),
  ];
  await Promise.all([zk.connected(), other.connected()]);
  return { proxy, zk, other };
}

test("data: undefined while there is no node, then what it holds, across deletion and creation", async (place) => {
  using scope = new Scope();
  const { zk, other } = await pair(place);
  const seen = new Collector(watchData(zk, "/a/b", scope.signal), () => {});
  const last = () => seen.last && text(seen.last.data);
  await until("told that there is none", () => seen.items.length === 1 && seen.last === undefined);
  await other.ensurePath("/a/b");
  await until("created", () => last() === "");
  await other.setData("/a/b", "1");
  await until("changed", () => last() === "1");
  await other.remove("/a/b");
  await until("removed", () => seen.last === undefined);
  await other.create("/a/b", "2");
  await until("created again", () => last() === "2");
});

test("children: none while there is no node, then each change", async (place) => {
  using scope = new Scope();
  const { zk, other } = await pair(place);
  const seen = new Collector(watchChildren(zk, "/c", scope.signal));
  await until("told that there are none", () => seen.last?.length === 0);
  await other.ensurePath("/c/x");
  await until("x", () => String(seen.last) === "x");
  await other.ensurePath("/c/y");
  await until("x and y", () => String(seen.last?.toSorted()) === "x,y");
  await other.removeTree("/c");
  await until("none", () => seen.last?.length === 0);
  await other.ensurePath("/c/z");
  await until("z", () => String(seen.last) === "z");
});

test("changes faster than their consumer are conflated, and the last one is never missed", async (place) => {
  using scope = new Scope();
  const { zk, other } = await pair(place);
  await zk.ensurePath("/f");
  let seen = "";
  let items = 0;
  const consuming = (async () => {
    for await (const node of watchData(zk, "/f", scope.signal)) {
      seen = text(node!.data);
      items += 1;
      await delay(20);
    }
  })();
  for (let i = 1; i <= 300; i++) await other.setData("/f", String(i));
  await until("the last one", () => seen === "300");
  assert.ok(items < 300);
  const before = zk.counters().operations;
  await delay(100);
  assert.equal(zk.counters().operations, before, "nothing is read while nothing changes");
  scope[Symbol.dispose]();
  await consuming;
  assert.equal(zk.counters().watches, 0);
});

test("a watch ends when its signal aborts, also while it waits for the connection, and when the client is closed", async (place) => {
  const { proxy, zk, other } = await pair(place);
  proxy.refuse();
  proxy.cut();
  await until("suspended", () => zk.state === "suspended");
  const first = new Scope();
  const waiting = new Collector(watchData(zk, "/x", first.signal));
  await delay(20);
  first[Symbol.dispose]();
  await until("ended by the signal", () => waiting.done);
  using second = new Scope();
  const collectors = [
    new Collector(watchData(other, "/x", second.signal)),
    new Collector(watchChildren(other, "/x", second.signal)),
    new Collector(watchRecords(other, "/x", parse, { signal: second.signal })),
  ];
  await until("they have begun", () => collectors.every(({ items }) => items.length === 1));
  await other.close();
  // Closing is a change of state that they are told of when the session ends.
  await until("ended by the close", () => collectors.every(({ done }) => done));
});

test("records: the first item is the whole state even when it is empty, then only what changed", async (place) => {
  using scope = new Scope();
  const { zk, other } = await pair(place);
  const seen = new Collector(watchRecords(zk, "/r", parse, { signal: scope.signal }), (change) => {
    // What `all` is at the moment of the item.
    (change as RecordChange<string> & { then: string }).then = [...change.all.keys()].toSorted().join();
  });
  const lastAll = () => (seen.last as RecordChange<string> & { then: string } | undefined)?.then;
  await until("the empty state", () => seen.items.length === 1 && lastAll() === "");
  await other.ensurePath("/r");
  await other.create("/r/a", "1");
  await until("a", () => lastAll() === "a");
  assert.deepEqual([...seen.last!.added], [["a", "1"]]);
  await other.setData("/r/a", "2");
  await until("a changed", () => seen.last!.changed.get("a") === "2");
  assert.equal(seen.last!.added.size, 0);
  await other.remove("/r/a");
  await until("a removed", () => seen.last!.removed.includes("a"));
  assert.equal(lastAll(), "");
});

test("records: one that does not parse is reported with its reason, and healed when it does", async (place) => {
  using scope = new Scope();
  const { zk, other } = await pair(place);
  await other.ensurePath("/r");
  await other.create("/r/good", "1");
  await other.create("/r/ill", "bad one");
  const seen = new Collector(watchRecords(zk, "/r", parse, { signal: scope.signal }));
  await until("the first item", () => seen.items.length === 1);
  assert.deepEqual([...seen.last!.added.keys()], ["good"]);
  assert.deepEqual([...seen.last!.invalid], [["ill", "no record: bad one"]]);
  await other.setData("/r/ill", "2");
  await until("healed", () => seen.last!.added.get("ill") === "2");
  await other.setData("/r/ill", "bad again");
  await until("ill again", () => seen.last!.invalid.has("ill"));
  assert.deepEqual(seen.last!.removed, ["ill"]);
  assert.deepEqual([...seen.last!.all.keys()], ["good"]);
});

test("records: deleted and created again between two looks is a change, with the same content too", async (place) => {
  using scope = new Scope();
  const { zk, other } = await pair(place);
  await other.ensurePath("/r");
  await other.create("/r/a", "same");
  const seen: RecordChange<string>[] = [];
  const consuming = (async () => {
    for await (const change of watchRecords(zk, "/r", parse, { signal: scope.signal, debounceMs: 100 })) {
      seen.push(change);
    }
  })();
  await until("the first item", () => seen.length === 1);
  await Promise.all([other.remove("/r/a"), other.create("/r/a", "same")]);
  await until("the second item", () => seen.length === 2);
  assert.deepEqual([...seen[1]!.changed], [["a", "same"]]);
  assert.deepEqual(seen[1]!.removed, []);
  scope[Symbol.dispose]();
  await consuming;
});

test("300 records: a change costs one read, a new one two, a removed one one; waiting costs nothing", async (place) => {
  using scope = new Scope();
  const { zk, other } = await pair(place);
  await other.ensurePath("/r");
  await Promise.all(Array.from({ length: 300 }, (_, i) => other.create(`/r/${i}`, "x")));
  const start = zk.counters().operations;
  const seen = new Collector(watchRecords(zk, "/r", parse, { signal: scope.signal }));
  await until("the first item", () => seen.items.length === 1);
  assert.equal(seen.last!.added.size, 300);
  const cost = async (what: string, act: () => Promise<unknown>, reported: () => boolean) => {
    const before = zk.counters().operations;
    await act();
    await until(what, reported);
    await delay(50);
    return zk.counters().operations - before;
  };
  assert.equal(zk.counters().operations - start, 301);
  assert.equal(await cost("changed", () => other.setData("/r/7", "y"), () => seen.last!.changed.has("7")), 1);
  assert.equal(await cost("added", () => other.create("/r/new", "z"), () => seen.last!.added.has("new")), 2);
  // The list, and a look at the child whose own watch fired as well.
  const removal = await cost("removed", () => other.remove("/r/9"), () => seen.last!.removed.includes("9"));
  assert.ok(removal <= 2, String(removal));
  const before = zk.counters().operations;
  await delay(300);
  assert.equal(zk.counters().operations, before);
  assert.equal(zk.counters().watches, 301);
});

test("300 records: attached again, only the list and what changed meanwhile is read", async (place) => {
  using scope = new Scope();
  const { proxy, zk, other } = await pair(place);
  await other.ensurePath("/r");
  await Promise.all(Array.from({ length: 300 }, (_, i) => other.create(`/r/${i}`, "x")));
  const seen = new Collector(watchRecords(zk, "/r", parse, { signal: scope.signal }));
  await until("the first item", () => seen.items.length === 1);
  proxy.refuse();
  proxy.cut();
  await until("suspended", () => zk.state === "suspended");
  await other.setData("/r/1", "y");
  await other.remove("/r/2");
  await other.create("/r/new", "z");
  await other.remove("/r/3");
  await other.create("/r/3", "x");
  const before = zk.counters().operations;
  proxy.admit();
  await until("all is reported", () => {
    const since = seen.items.slice(1);
    return since.some(({ changed }) => changed.get("1") === "y") && since.some(({ removed }) =>
      removed.includes("2")
    ) &&
      since.some(({ added }) => added.has("new")) && since.some(({ changed }) => changed.has("3"));
  });
  await delay(50);
  const cost = zk.counters().operations - before;
  assert.ok(cost <= 8, `${cost} operations`);
});

test("records: a new session reads everything again and reports only what differs", async (place) => {
  using scope = new Scope();
  const { proxy, zk, other } = await pair(place, 2_000);
  await other.ensurePath("/r");
  for (let i = 0; i < 20; i++) await other.create(`/r/${i}`, "x");
  const seen = new Collector(watchRecords(zk, "/r", parse, { signal: scope.signal }));
  await until("the first item", () => seen.items.length === 1);
  proxy.hold();
  await until("lost", () => zk.state === "lost");
  await other.setData("/r/1", "y");
  await other.remove("/r/2");
  proxy.release();
  proxy.cut();
  await until("what differs is reported", () => seen.items.length >= 2);
  await until("both", () => seen.items.slice(1).some(({ removed }) => removed.includes("2")));
  const since = seen.items.slice(1);
  assert.deepEqual(since.flatMap(({ changed }) => [...changed.keys()]), ["1"]);
  assert.deepEqual(since.flatMap(({ added }) => [...added.keys()]), []);
  assert.deepEqual(since.flatMap(({ removed }) => removed), ["2"]);
  assert.equal(zk.session?.generation, 2);
  await other.setData("/r/3", "armed");
  await until("the watches are armed in the new session", () => seen.last!.changed.get("3") === "armed");
});

test("records: whatever is done to them and to the connection, the reports add up to the truth", async (place) => {
  using scope = new Scope();
  const { proxy, zk, other } = await pair(place);
  await other.ensurePath("/r");
  const told = new Map<string, string>();
  let wrong = "";
  const consuming = (async () => {
    for await (const change of watchRecords(zk, "/r", parse, { signal: scope.signal })) {
      for (const [name, value] of change.added) {
        if (told.has(name)) wrong ||= `${name} added twice`;
        told.set(name, value);
      }
      for (const [name, value] of change.changed) {
        if (!told.has(name)) wrong ||= `${name} changed before it was added`;
        told.set(name, value);
      }
      for (const name of change.removed) if (!told.delete(name)) wrong ||= `${name} removed but never added`;
      const same = told.size === change.all.size &&
        [...told].every(([name, value]) => change.all.get(name) === value);
      if (!same) wrong ||= "the changes do not add up to `all`";
    }
  })();
  const truth = new Map<string, string>();
  for (let i = 0; i < 600; i++) {
    const name = String(Math.floor(Math.random() * 12));
    const value = Math.random() < 0.15 ? `bad ${i}` : String(i);
    const dice = Math.random();
    if (!truth.has(name)) await other.create(`/r/${name}`, value);
    else if (dice < 0.5) await other.setData(`/r/${name}`, value);
    else {
      await other.remove(`/r/${name}`);
      if (dice < 0.75) await other.create(`/r/${name}`, value);
    }
    if (!truth.has(name) || dice < 0.75) truth.set(name, value);
    else truth.delete(name);
    if (i % 40 === 20) proxy.cut();
    if (i % 7 === 0) await delay(Math.random() * 5);
  }
  for (const [name, value] of truth) if (value.startsWith("bad")) truth.delete(name);
  await until(
    "the reports add up to the truth",
    () => told.size === truth.size && [...truth].every(([name, value]) => told.get(name) === value),
  );
  assert.equal(wrong, "");
  scope[Symbol.dispose]();
  await consuming;
});
