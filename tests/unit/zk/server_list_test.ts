import assert from "node:assert/strict";
import fc from "fast-check";
import { ServerList } from "../../../lib/zk/server_list.ts";

const servers = (count: number) => Array.from({ length: count }, (_, i) => ({ host: `h${i}`, port: i + 1 }));

Deno.test("each round tries every server once, without a pause inside it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (count, chance) => {
        const list = new ServerList(servers(count), () => chance);
        for (let round = 0; round < 3; round++) {
          const tried = new Set<string>();
          for (let i = 0; i < count; i++) {
            assert.equal(list.pauseMs(4_000) === 0, i > 0 || round === 0);
            tried.add(list.next().host);
          }
          assert.equal(tried.size, count);
        }
      },
    ),
  );
});

Deno.test("the pause grows to an eighth of the timeout and starts again after a connection that stood", () => {
  const list = new ServerList(servers(1), () => 0.999999);
  const pauses = Array.from({ length: 12 }, () => {
    list.next();
    return list.pauseMs(4_000);
  });
  assert.ok(pauses[0]! < 30);
  assert.ok(pauses.every((pause, i) => i === 0 || pause >= pauses[i - 1]! - 1e-6));
  assert.ok(pauses.at(-1)! <= 500 && pauses.at(-1)! > 490);
  list.worked();
  assert.equal(list.pauseMs(4_000), 0);
});

Deno.test("clients differ in the order in which they try", () => {
  const first = new Set(Array.from({ length: 200 }, () => new ServerList(servers(3)).next().host));
  assert.equal(first.size, 3);
});
