/** What a coordination server has answered, or shown after it was started again, survives whatever ends it. */
import assert from "node:assert/strict";
import { reasonOf } from "../../../lib/base/errors.ts";
import { useDisk } from "../../../lib/zookeeper_server/disk.ts";
import { Journal } from "../../../lib/zookeeper_server/journal.ts";
import { DISK_ERROR, Disks } from "../../simulation/disk.ts";
import { inTask } from "../../simulation/machine.ts";
import { World } from "../../simulation/world.ts";

const HOST = "10.1.0.1";
const LIVES = 12;
const LONGEST_MS = 60;

/** Servers one after the other on one disk, which write a session after the other until they are ended somehow. */
function livesOf(seed: number): Promise<{ answered: number; shown: number }> {
  return inTask(() => {
    const world = new World(seed);
    const disks = new Disks(world);
    useDisk(disks);
    /** The last session whose creation was answered, and the last one that a server has found when it was started. */
    let [answered, shown] = [0, 0];
    try {
      for (let life = 0; life < LIVES; life++) {
        const process = world.spawn("server", async () => {
          try {
            const journal = await Journal.open("/data", 1000, 1 << 20);
            const { sessions, zxid } = journal.recovered;
            const found = sessions.size;
            assert.equal(zxid, 1000 + found);
            assert.ok(found >= answered, `${answered} were answered, and ${found} are there`);
            assert.ok(found >= shown, `${shown} were shown, and ${found} are there`);
            shown = found;
            for (let id = found + 1;; id++) {
              journal.encoder.sessionCreated(1000 + id, 0, {
                id,
                timeout: 1000,
                password: new Uint8Array(16),
              });
              await journal.sync();
              answered = id;
            }
          } catch (error) {
            if (!reasonOf(error).includes(DISK_ERROR)) world.crashed(error);
          }
        }, HOST);
        if (world.random() < 0.3) disks.fail(process);
        world.runUntil(world.now + LONGEST_MS * world.random() ** 2);
        world.kill(process, world.random() < 0.5);
      }
      assert.deepEqual(world.crashes.map(({ what }) => what), [], `seed ${seed}`);
      return { answered, shown };
    } finally {
      useDisk();
    }
  });
}

Deno.test("what was answered, or shown after a start, is there after the next one, whatever ended the server", async () => {
  let all = 0;
  for (let seed = 1; seed <= 200; seed++) all += (await livesOf(seed)).shown;
  assert.ok(all > 1000, `only ${all} sessions were found again`);
});
