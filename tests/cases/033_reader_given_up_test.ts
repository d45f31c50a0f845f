/**
 * Case 33: the exit code of `publisher --stdin` and `lost=` lied when a reader was given up, or its record was gone,
 * while it was behind.
 */
import assert from "node:assert/strict";
import { Lines } from "../harness/lines.ts";
import { systemTest } from "../harness/system.ts";

const SHORT = ["--session-timeout", "2"];
const READ = ["subscriber", "-t", "A", "--raw", "--id", "reader", ...SHORT];
const PUBLISH = [
  ...["publisher", "-t", "A", "--stdin", "--wait-for-subscribers", "1", "--id", "source"],
  ...["--slow-subscriber", "2", ...SHORT],
];

for (const mode of ["direct", "centralized"]) {
  const flags = mode === "direct" ? [] : ["--centralized"];
  systemTest(
    `case 33: a reader that is stopped past its session is named with what it has not got, ${mode}`,
    async (system) => {
      await system.broker();
      const reader = system.start([...READ, ...flags]);
      await reader.says(/registered in zone/);
      const lines = new Lines();
      const publisher = system.start([...PUBLISH, ...flags], { stdin: lines.stream });
      lines.add(1000);
      await reader.prints(1000);
      reader.signal("SIGSTOP");
      await system.absent("/shared_state/subscribers/reader");
      // More than the kernel keeps for a process that is stopped.
      lines.add(1000, 40_000);
      lines.end();
      assert.equal(await publisher.exit(), 1);
      const said = publisher.stderr.find((line) => line.includes(" ERROR "));
      assert.match(
        said!,
        /source: reader has not acknowledged [12]\d{3} samples of topic A \(\d+ to 2000\)$/,
      );
      reader.signal("SIGCONT");
      await reader.says(/lost samples \d+ to 2000 of source on topic A/);
      assert.equal(await reader.interrupt(), 0);
      const { received, lost } = reader.summary();
      assert.equal(received + lost, 2000);
      assert.ok(lost > 0, "what was given up is counted");
    },
  );
}

for (const mode of ["direct", "centralized"]) {
  const flags = mode === "direct" ? [] : ["--centralized"];
  systemTest(
    `case 33: what a reader has lost that has caught up is in the publisher's exit code and last line, ${mode}`,
    async (system) => {
      await system.broker();
      const reader = system.start([...READ, ...flags, "--session-timeout", "30"]);
      const other = system.start(["subscriber", "-t", "A", "--raw", "--id", "other", ...flags]);
      await Promise.all([reader, other].map((one) => one.says(/registered in zone/)));
      const lines = new Lines();
      const wait = ["--wait-for-subscribers", "2"];
      const publisher = system.start([...PUBLISH, ...flags, ...wait], { stdin: lines.stream });
      lines.add(1000);
      await reader.prints(1000);
      reader.signal("SIGSTOP");
      // More than is kept for it once it is not waited for any more.
      lines.add(3000, 40_000);
      await publisher.says(/subscriber reader of topic A stands still: not waited for any more/);
      await other.prints(4000);
      reader.signal("SIGCONT");
      await publisher.says(/subscriber reader of topic A has caught up/);
      lines.add(10);
      lines.end();
      assert.equal(await publisher.exit(), 1);
      const [said, ...more] = publisher.stderr.filter((line) => line.includes(" ERROR "));
      assert.deepEqual(more, []);
      await reader.interrupt();
      const { received, lost } = reader.summary();
      assert.equal(received + lost, 4010);
      assert.ok(lost > 0);
      assert.match(
        said!,
        new RegExp(`source: reader has lost ${lost} samples of topic A \\(among \\d+ to \\d+\\)$`),
      );
    },
  );
}

systemTest(
  "case 33: a reader that was stopped past its session and is back in time gets everything",
  async (system) => {
    const broker = await system.broker();
    const reader = system.start(READ);
    await reader.says(/registered in zone/);
    const lines = new Lines();
    const publisher = system.start([...PUBLISH, "--slow-subscriber", "60"], { stdin: lines.stream });
    lines.add(1000);
    await reader.prints(1000);
    reader.signal("SIGSTOP");
    lines.add(1000);
    lines.end();
    await broker.says(/subscriber reader has gone silent/);
    reader.signal("SIGCONT");
    assert.equal(await publisher.exit(), 0);
    await reader.prints(2000);
    assert.equal(await reader.interrupt(), 0);
    assert.equal(reader.summary().lost, 0);
    assert.deepEqual(reader.stdout, lines.given);
  },
);

systemTest("case 33: all brokers are gone for longer than a reader is waited for", async (system) => {
  const broker = await system.broker("--centralized");
  const reader = system.start(READ);
  await reader.says(/registered in zone/);
  const lines = new Lines();
  const publisher = system.start([...PUBLISH, "--max-in-flight", "500"], { stdin: lines.stream });
  lines.add(300);
  await reader.prints(300);
  await broker.kill();
  lines.add(100_000);
  lines.end();
  await publisher.says(
    /reader of topic A stands still: not waited for any more, it has not acknowledged \d+ samples/,
  );
  assert.equal(await publisher.exit(), 1);
  assert.match(
    publisher.stderr.join("\n"),
    /ERROR .*source: reader has not acknowledged \d+ samples of topic A/,
  );
  await system.broker();
  await reader.says(/publisher source of topic A is gone/);
  await reader.interrupt();
  const { received, lost } = reader.summary();
  assert.equal(received + lost, 100_300);
});

systemTest(
  "case 33: kill -9 of a reader that is behind; one that leaves with a farewell is owed nothing",
  async (system) => {
    await system.broker();
    const reader = system.start(READ);
    const polite = system.start(["subscriber", "-t", "A", "--raw", "--id", "polite", ...SHORT]);
    await Promise.all([reader, polite].map((one) => one.says(/registered in zone/)));
    const lines = new Lines();
    const publisher = system.start([...PUBLISH, "--wait-for-subscribers", "2"], { stdin: lines.stream });
    lines.add(100);
    await Promise.all([reader, polite].map((one) => one.prints(100)));
    await polite.interrupt();
    reader.signal("SIGSTOP");
    lines.add(50);
    await reader.kill();
    lines.end();
    assert.equal(await publisher.exit(), 1);
    const errors = publisher.stderr.filter((line) => line.includes(" ERROR "));
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0]!, /source: reader has not acknowledged \d+ samples of topic A \(\d+ to 150\)$/);
  },
);

systemTest(
  "case 33: a subscriber that was matched and does not join in time is owed everything from the start",
  async (system) => {
    await system.broker();
    const reader = system.start([...READ, "--session-timeout", "20"]);
    await system.present("/shared_state/subscribers/reader");
    reader.signal("SIGSTOP");
    const lines = new Lines();
    const publisher = system.start([
      "publisher",
      "-t",
      "A",
      "--stdin",
      "--id",
      "source",
      "--slow-subscriber",
      "60",
    ], {
      stdin: lines.stream,
    });
    lines.add(500);
    lines.end();
    await publisher.says(/going on without reader/);
    reader.signal("SIGCONT");
    assert.equal(await publisher.exit(), 0);
    await reader.prints(500);
    await reader.interrupt();
    assert.deepEqual(reader.stdout, lines.given);
  },
);
