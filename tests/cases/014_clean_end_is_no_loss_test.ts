/** Case 14: a publisher that ended cleanly was reported as lost, in the log and in the table of failovers. */
import assert from "node:assert/strict";
import { systemTest } from "../harness/system.ts";

for (const how of [[], ["--centralized"]]) {
  systemTest(
    `case 14: a clean end is no loss, a kill is one${how.length > 0 ? ", centralized" : ""}`,
    async (system) => {
      await system.broker();
      const events = system.file("events.jsonl");
      const subscriber = system.start(
        [
          "subscriber",
          "-t",
          "A",
          "-t",
          "B",
          "--ownership",
          "shared",
          "--events",
          events,
          "--indefinite",
          ...how,
        ],
      );
      const publish = (id: string, ...more: string[]) =>
        system.start([
          "publisher",
          "-t",
          "A",
          "-t",
          "B",
          "--ownership",
          "shared",
          "--id",
          id,
          ...how,
          ...more,
        ]);
      for (const id of ["one", "two"]) {
        const publisher = publish(id, "-m", "5", "-s", "0.05", "--wait-for-subscribers", "1");
        assert.equal(await publisher.exit(), 0);
        await subscriber.says(new RegExp(`publisher ${id} of topic B is gone`));
      }
      const killed = publish("killed", "--indefinite", "-s", "0.05", "--session-timeout", "2");
      await subscriber.says(/matched with publisher killed on topic B/);
      await subscriber.prints(subscriber.stdout.length + 3);
      await killed.kill();
      if (how.length === 0) await subscriber.says(/lost the connection to publisher killed/);
      await subscriber.says(/publisher killed of topic B is gone/);
      assert.equal(await subscriber.interrupt(), 0);
      const lost = subscriber.stderr.filter((line) => /lost the connection/.test(line));
      const records = Deno.readTextFileSync(events).split("\n").filter((line) => line.includes("_lost"));
      const seen = how.length === 0 ? 1 : 0;
      assert.equal(lost.length, seen, lost.join("\n"));
      assert.equal(records.length, seen, records.join("\n"));
      if (seen > 0) assert.equal((JSON.parse(records[0]!) as { what: string }).what, "killed");
    },
  );
}
