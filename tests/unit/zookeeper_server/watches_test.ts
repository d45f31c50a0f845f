import assert from "node:assert/strict";
import fc from "fast-check";
import { OPEN_ACL } from "../../../lib/zookeeper_server/acl.ts";
import { WatcherType } from "../../../lib/zookeeper_server/protocol.ts";
import { WatchRegistry } from "../../../lib/zookeeper_server/watches.ts";

const at = (path: string) => ({ path, acl: OPEN_ACL });

class Heard {
  readonly lines: string[] = [];
  readonly notify = (watcher: string, type: number, path: string) =>
    this.lines.push(`${watcher} ${type} ${path}`);
  take(): string[] {
    return this.lines.splice(0);
  }
}

Deno.test("A one-shot watch fires once", () => {
  const watches = new WatchRegistry<string>();
  const heard = new Heard();
  watches.addData("/a", "w");
  watches.changed(at("/a"), heard.notify);
  watches.changed(at("/a"), heard.notify);
  assert.deepEqual(heard.take(), ["w 3 /a"]);
  assert.equal(watches.size, 0);
});

Deno.test("A deletion is told once to who watches data and children, and then the parent's watchers", () => {
  const watches = new WatchRegistry<string>();
  const heard = new Heard();
  watches.addData("/a/b", "w");
  watches.addChild("/a/b", "w");
  watches.addChild("/a/b", "v");
  watches.addChild("/a", "w");
  watches.deleted(at("/a/b"), at("/a"), heard.notify);
  assert.deepEqual(heard.take(), ["w 2 /a/b", "v 2 /a/b", "w 4 /a"]);
  assert.equal(watches.size, 0);
});

Deno.test("A creation is told to data watchers of the path and child watchers of the parent only", () => {
  const watches = new WatchRegistry<string>();
  const heard = new Heard();
  watches.addData("/a/b", "d");
  watches.addChild("/a", "c");
  watches.addData("/a", "other");
  watches.addChild("/", "other");
  watches.created(at("/a/b"), at("/a"), heard.notify);
  assert.deepEqual(heard.take(), ["d 1 /a/b", "c 4 /a"]);
});

Deno.test("A persistent watch stays, and hears its node and its children list", () => {
  const watches = new WatchRegistry<string>();
  const heard = new Heard();
  watches.addPersistent("/a", "p", false);
  for (let i = 0; i < 2; i++) {
    watches.changed(at("/a"), heard.notify);
    watches.created(at("/a/b"), at("/a"), heard.notify);
    watches.changed(at("/a/b"), heard.notify);
    watches.deleted(at("/a"), at("/"), heard.notify);
  }
  assert.deepEqual(heard.take(), ["p 3 /a", "p 4 /a", "p 2 /a", "p 3 /a", "p 4 /a", "p 2 /a"]);
});

Deno.test("A recursive watch hears everything below once, but no lists of children", () => {
  const watches = new WatchRegistry<string>();
  const heard = new Heard();
  watches.addPersistent("/a", "r", true);
  watches.addPersistent("/", "r", true);
  watches.addData("/a/b/c", "r");
  watches.created(at("/a/b/c"), at("/a/b"), heard.notify);
  watches.changed(at("/a/b/c"), heard.notify);
  watches.deleted(at("/a/b/c"), at("/a/b"), heard.notify);
  watches.changed(at("/ab"), heard.notify);
  assert.deepEqual(heard.take(), ["r 1 /a/b/c", "r 3 /a/b/c", "r 2 /a/b/c", "r 3 /ab"]);
});

Deno.test("A one-shot and a persistent watch of one connection on one path fire as one, and the persistent one stays", () => {
  const watches = new WatchRegistry<string>();
  const heard = new Heard();
  watches.addPersistent("/a", "w", false);
  watches.addData("/a", "w");
  watches.changed(at("/a"), heard.notify);
  watches.changed(at("/a"), heard.notify);
  assert.deepEqual(heard.take(), ["w 3 /a", "w 3 /a"]);
});

Deno.test("Removing by type takes what it names and says whether there was any", () => {
  const watches = new WatchRegistry<string>();
  watches.addData("/a", "w");
  watches.addChild("/a", "w");
  assert.ok(watches.has("/a", WatcherType.any, "w"));
  assert.ok(!watches.has("/a", WatcherType.any, "v"));
  assert.ok(watches.remove("/a", WatcherType.children, "w"));
  assert.ok(!watches.remove("/a", WatcherType.children, "w"));
  assert.ok(watches.has("/a", WatcherType.data, "w"));
  assert.ok(watches.remove("/a", WatcherType.any, "w"));
  assert.equal(watches.size, 0);
});

Deno.test("Whatever was watched, nothing is left of a connection that is gone", () => {
  const path = fc.constantFrom("/", "/a", "/a/b", "/c");
  const who = fc.constantFrom("u", "v", "w");
  const step = fc.record({ kind: fc.nat(8), path, who });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const watches = new WatchRegistry<string>();
    const { notify } = new Heard();
    for (const { kind, path, who } of steps) {
      if (kind === 0) watches.addData(path, who);
      else if (kind === 1) watches.addChild(path, who);
      else if (kind <= 3) watches.addPersistent(path, who, kind === 3);
      else if (kind === 4) watches.remove(path, 1 + (path.length % 3), who);
      else if (kind === 5) watches.changed(at(path), notify);
      else if (kind === 6) watches.deleted(at(path), at("/"), notify);
      else if (kind === 7) watches.removeWatcher(who);
      else watches.created(at(path), at("/"), notify);
    }
    const sum = ["u", "v", "w"].reduce((total, one) => total + watches.countOf(one), 0);
    assert.equal(watches.size, sum);
    for (const one of ["u", "v", "w"]) watches.removeWatcher(one);
    assert.equal(watches.size, 0);
    assert.deepEqual(watches.summary(), { watchers: 0, paths: 0, watches: 0 });
    // Not even a count that recursive watches are looked for by: nobody hears anything.
    const heard = new Heard();
    watches.deleted(at("/a/b"), at("/a"), heard.notify);
    assert.deepEqual(heard.take(), []);
  }));
});
