import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../lib/base/errors.ts";
import { dataDirectory } from "../../../lib/perf/layout.ts";
import { matrixOf } from "../../../lib/perf/matrix.ts";
import { hostsInName, hostsOf, nameOf, parseNetwork, placementOf } from "../../../lib/perf/network.ts";

Deno.test("networks are named by their shape and size", () => {
  assert.equal(nameOf(parseNetwork("tree:3,2")), "tree-d3f2-8hosts");
  assert.equal(nameOf(parseNetwork("single:12")), "single-12hosts");
  assert.equal(hostsInName("tree-d3f2-8hosts"), 8);
  assert.equal(hostsInName("something"), undefined);
});

Deno.test("a network that is none, too small or too large is refused", () => {
  for (
    const text of [
      "",
      "tree",
      "tree:2",
      "tree:2,3,4",
      "single:",
      "single:-4",
      "ring:4",
      "tree:1,3",
      "single:3",
      "tree:9,9",
      "single:255",
    ]
  ) {
    assert.throws(() => parseNetwork(text), UsageError, text);
  }
});

Deno.test("every host has something to do, and there is a client of each kind", () => {
  fc.assert(fc.property(fc.integer({ min: 4, max: 254 }), (hosts) => {
    const { zookeeper, pool, primary, standby, subscribers, publishers } = placementOf(hosts);
    const used = [zookeeper, pool, primary, standby, ...subscribers, ...publishers];
    assert.deepEqual(new Set(used), new Set(Array.from({ length: hosts }, (_, i) => i)));
    assert.ok(subscribers.length >= 1 && publishers.length >= 1);
    assert.ok(subscribers.length - publishers.length >= 0 && subscribers.length - publishers.length <= 1);
    const clients = [...subscribers, ...publishers];
    assert.equal(new Set(clients).size, clients.length, "no two clients share a host");
    assert.ok(clients.every((host) => ![zookeeper, pool, primary, standby].includes(host)));
  }));
});

Deno.test("with six hosts and more, the servers have hosts 1 to 4", () => {
  const { zookeeper, pool, primary, standby, subscribers, publishers } = placementOf(9);
  assert.deepEqual([zookeeper, pool, primary, standby], [0, 1, 2, 3]);
  assert.deepEqual([subscribers, publishers], [[4, 5, 6], [7, 8]]);
});

Deno.test("a matrix has every network, mode and repeat once, small networks first", () => {
  const matrix = matrixOf({
    networks: ["tree:3,3", "tree:2,2", "tree:3,3"],
    modes: ["direct", "centralized"],
    repeats: 3,
  });
  assert.deepEqual(matrix.map(({ network }) => hostsOf(network)), [4, 27]);
  for (const { network, runs } of matrix) {
    const keys = runs.map((run) => `${run.mode} ${run.repeat}`);
    assert.equal(new Set(keys).size, 6);
    assert.ok(runs.every((run) => run.network === nameOf(network)));
    // Neither mode is always the first of a repeat.
    assert.deepEqual(runs.map((run) => run.mode[0]).join(""), "dccddc");
  }
});

Deno.test("the first repeat has the listed place, later ones a directory below", () => {
  const key = { mode: "direct", network: "single-4hosts" } as const;
  assert.equal(dataDirectory("/r", { ...key, repeat: 1 }), "/r/data/direct/single-4hosts");
  assert.equal(dataDirectory("/r", { ...key, repeat: 2 }), "/r/data/direct/single-4hosts/repeat-2");
});
