/** Case 11: the limit of a payload counted UTF-16 units, so that 48 MiB of `€` were taken. */
import assert from "node:assert/strict";
import { systemTest } from "../harness/system.ts";
import { Broker, Publisher, UsageError } from "../../lib/mod.ts";

const MIB = 1024 * 1024;

systemTest("case 11: a payload's limit counts bytes, whatever it is written in", async ({ zookeeper }) => {
  await using broker = new Broker({ zookeeper });
  await broker.start();
  await using publisher = new Publisher({ zookeeper, topics: ["A"] });
  await publisher.start();
  assert.throws(() => publisher.publish("A", "€".repeat(16 * MIB / 3 + 1)), (error: unknown) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /^Cannot publish 16777218 bytes on topic A: must be at most 16777216$/);
    return true;
  });
  assert.throws(() => publisher.publish("A", "a".repeat(16 * MIB + 1)), UsageError);
  assert.throws(() => publisher.publish("A", new Uint8Array(16 * MIB + 1)), UsageError);
  assert.equal(await publisher.publish("A", "€".repeat(16 * MIB / 3)), true);
  assert.equal(await publisher.publish("A", "a".repeat(16 * MIB)), true);
  assert.equal(await publisher.publish("A", new Uint8Array(16 * MIB)), true);
});
