/** Word of where streams ended: written once, read by those who missed the end, and no more of it than 256 records. */
import assert from "node:assert/strict";
import { endOf, MAX_ENDED, recordEnd } from "../../../lib/recipes/ended_streams.ts";
import { ENDED, endedPath } from "../../../lib/model/paths.ts";
import { within } from "../../harness/condition.ts";
import { suite } from "../../harness/coordination.ts";

const test = suite();

test("where a stream ended is told by publisher, life and topic", async (place) => {
  const zk = place.client();
  await zk.connected();
  assert.equal(await endOf(zk, { publisher: "p", incarnation: 7, topic: "A" }), undefined);
  await recordEnd(zk, { publisher: "p", incarnation: 7, streams: [{ topic: "A", last: 20 }] });
  assert.equal(await endOf(zk, { publisher: "p", incarnation: 7, topic: "A" }), 20);
  assert.equal(await endOf(zk, { publisher: "p", incarnation: 7, topic: "B" }), undefined);
  assert.equal(await endOf(zk, { publisher: "p", incarnation: 8, topic: "A" }), undefined);
});

test("a record that is none is ignored", async (place) => {
  const zk = place.client();
  await zk.connected();
  await zk.ensurePath(ENDED);
  for (
    const [i, data] of ["not json", `{"publisher":"p","incarnation":1,"streams":[{"topic":"A","last":-1}]}`]
      .entries()
  ) {
    await zk.create(endedPath("p", i), data);
    assert.equal(await endOf(zk, { publisher: "p", incarnation: i, topic: "A" }), undefined);
  }
});

test("the newest records are kept", async (place) => {
  const zk = place.client();
  await zk.connected();
  for (let incarnation = 0; incarnation < MAX_ENDED + 5; incarnation++) {
    await recordEnd(zk, { publisher: "p", incarnation, streams: [{ topic: "A", last: 1 }] });
  }
  assert.equal((await zk.getChildren(ENDED)).names.length, MAX_ENDED);
  assert.equal(await endOf(zk, { publisher: "p", incarnation: 4, topic: "A" }), undefined);
  assert.equal(await endOf(zk, { publisher: "p", incarnation: 5, topic: "A" }), 1);
});

test("nobody waits for a ZooKeeper that does not answer", async (place) => {
  const proxy = place.proxy();
  const zk = place.client({ through: proxy });
  await zk.connected();
  proxy.hold();
  await within("the end", recordEnd(zk, { publisher: "p", incarnation: 1, streams: [] }), 5000);
});
