import assert from "node:assert/strict";
import { WatchRegistry } from "../../../lib/zk/watch_registry.ts";

const CREATED = 1, DELETED = 2, CHANGED = 3, CHILDREN = 4;

function recorder(): { reasons: string[]; onChange: (reason: string) => void } {
  const reasons: string[] = [];
  return { reasons, onChange: (reason) => reasons.push(reason) };
}

Deno.test("a watch is called once", () => {
  const registry = new WatchRegistry();
  const { reasons, onChange } = recorder();
  registry.add("data", "/a", onChange);
  registry.fire(CHANGED, "/a");
  registry.fire(CHANGED, "/a");
  assert.deepEqual(reasons, ["changed"]);
  assert.equal(registry.size, 0);
});

Deno.test("each event ends the kinds of watch it concerns, and no others", () => {
  const cases: [number, string[]][] = [[CREATED, ["data", "exist"]], [DELETED, ["data", "exist", "child"]], [
    CHANGED,
    ["data", "exist"],
  ], [CHILDREN, ["child"]]];
  for (const [event, ended] of cases) {
    const registry = new WatchRegistry();
    const called: string[] = [];
    for (const kind of ["data", "exist", "child"] as const) registry.add(kind, "/a", () => called.push(kind));
    registry.add("data", "/other", () => called.push("other"));
    registry.fire(event, "/a");
    assert.deepEqual(called.sort(), [...ended].sort(), `event ${event}`);
    assert.equal(registry.size, 4 - ended.length);
  }
});

Deno.test("one function on one path is kept once, and called once for an event of two kinds", () => {
  const registry = new WatchRegistry();
  const { reasons, onChange } = recorder();
  for (let i = 0; i < 100; i++) registry.add("data", "/a", onChange);
  registry.add("child", "/a", onChange);
  assert.equal(registry.size, 2);
  registry.fire(DELETED, "/a");
  assert.deepEqual(reasons, ["changed"]);
});

Deno.test("attached again: told, and still armed; ended: told, and gone", () => {
  const registry = new WatchRegistry();
  const { reasons, onChange } = recorder();
  registry.add("data", "/a", onChange);
  registry.reattached();
  assert.equal(registry.size, 1);
  registry.ended();
  registry.ended();
  assert.deepEqual(reasons, ["reattached", "ended"]);
});

Deno.test("a removed function is not called, and its path is not armed again", () => {
  const registry = new WatchRegistry();
  const { reasons, onChange } = recorder();
  registry.add("data", "/a", onChange);
  registry.add("child", "/a", onChange);
  registry.remove("/a", onChange);
  registry.fire(DELETED, "/a");
  registry.reattached();
  assert.deepEqual(reasons, []);
  assert.deepEqual([registry.paths("data"), registry.paths("child")], [[], []]);
});

Deno.test("a function that throws does not keep the others from being called", () => {
  const registry = new WatchRegistry();
  const { reasons, onChange } = recorder();
  registry.add("data", "/a", () => {
    throw new Error("broken");
  });
  registry.add("data", "/a", onChange);
  registry.fire(CHANGED, "/a");
  assert.deepEqual(reasons, ["changed"]);
});

Deno.test("a function may arm the same watch again while it is called", () => {
  const registry = new WatchRegistry();
  let calls = 0;
  const onChange = () => {
    calls += 1;
    registry.add("data", "/a", onChange);
  };
  onChange();
  registry.fire(CHANGED, "/a");
  assert.equal(calls, 2);
  assert.equal(registry.size, 1);
});
