/** The system's job end to end: real processes, real sockets, a real coordination server. */
import assert from "node:assert/strict";
import { delay, until } from "../harness/condition.ts";
import { type System, systemTest } from "../harness/system.ts";

const HEADER = "publisher,topic,total_time_seconds,";

/** The rows of a latency file, without its header. */
function rows(file: string): string[] {
  const lines = Deno.readTextFileSync(file).trimEnd().split("\n");
  assert.ok(lines[0]!.startsWith(HEADER), `header is ${lines[0]}`);
  return lines.slice(1);
}

interface Printed {
  topic: string;
  publisher: string;
  sequence: number;
  epoch: string | number;
  historical: boolean;
  payload: string;
}

function printed(lines: readonly string[]): Printed[] {
  return lines.map((line) => JSON.parse(line) as Printed);
}

/** seed.md's walk-through, its commands as typed there after the role word. */
async function walkThrough(
  system: System,
  mode: readonly string[],
  end: "SIGINT" | "SIGKILL",
): Promise<void> {
  const flags = ["--verbose", "--zookeeper_host", system.zookeeper, ...mode];
  const first = await system.broker(...flags, "--indefinite", "--pub_reg_port", "0", "--sub_reg_port", "0");
  await first.says(/primary of zone 1/);
  const second = await system.broker(...flags, "--indefinite");
  const publish = ["publisher", ...flags, "--max_event_count", "120", "--sleep", "0.05"];
  const receive = ["subscriber", ...flags, "--max_event_count", "60"];
  const s1 = system.start([
    ...receive,
    "--topics",
    "A",
    "--topics",
    "D",
    "--filename",
    system.file("s1.txt"),
  ]);
  const s2 = system.start([...receive, "--topics", "B", "--filename", system.file("s2.txt")]);
  const p1 = system.start([...publish, "--topics", "A", "--topics", "B"]);
  const p2 = system.start([...publish, "--topics", "B", "--topics", "D"]);
  await s1.prints(10);
  await s2.prints(10);
  first.signal(end);
  await second.says(/primary of zone 1/);
  assert.equal(await s1.exit(), 0);
  assert.equal(await s2.exit(), 0);
  for (const [subscriber, file] of [[s1, "s1.txt"], [s2, "s2.txt"]] as const) {
    const { received, lost, duplicates } = subscriber.summary();
    assert.deepEqual({ received, lost, duplicates }, { received: 60, lost: 0, duplicates: 0 });
    assert.equal(rows(system.file(file)).length, 60);
  }
  assert.equal(await p1.exit(), 0);
  assert.equal(await p2.exit(), 0);
  if (end === "SIGINT") assert.equal(await first.exit(), 0);
  assert.equal(await second.interrupt(), 0);
}

systemTest(
  "the walk-through, direct: Ctrl-C on the active broker, the standby takes over",
  async (system) => {
    await walkThrough(system, [], "SIGINT");
  },
);

systemTest("the walk-through, centralized: Ctrl-C on the active broker loses nothing", async (system) => {
  await walkThrough(system, ["--centralized"], "SIGINT");
});

systemTest("the walk-through, direct: kill -9 on the active broker loses nothing", async (system) => {
  await walkThrough(system, [], "SIGKILL");
});

systemTest("the walk-through, centralized: kill -9 on the active broker loses nothing", async (system) => {
  await walkThrough(system, ["--centralized"], "SIGKILL");
});

systemTest("centralized and across zones: every sample arrives", async (system) => {
  await system.broker("--zone", "1", "--id", "b1");
  await system.broker("--zone", "2", "--id", "b2");
  const flags = ["--topics", "T", "--centralized", "--max-event-count", "40"];
  const subscriber = system.start(["subscriber", ...flags, "--zone", "1", "--json"]);
  await subscriber.says(/registered in zone 1/);
  const publisher = system.start([
    "publisher",
    ...flags,
    "--zone",
    "2",
    "--sleep",
    "0.01",
    "--wait-for-subscribers",
    "1",
  ]);
  await publisher.says(/registered in zone 2/);
  assert.equal(await subscriber.exit(), 0);
  assert.deepEqual(
    printed(subscriber.stdout).map(({ sequence }) => sequence),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
  assert.equal(await publisher.exit(), 0);
});

systemTest("history 5 offered, 20 requested: both ends and status say why nothing comes", async (system) => {
  await system.broker();
  const publisher = system.start([
    "publisher",
    "--topics",
    "T",
    "--id",
    "P",
    "--history",
    "5",
    "--indefinite",
    "--sleep",
    "0.05",
  ]);
  const subscriber = system.start(["subscriber", "--topics", "T", "--id", "S", "--history", "20"]);
  for (const end of [publisher, subscriber]) {
    const line = await end.says(/no match on topic T/);
    assert.match(line, /publisher P offers history 5, subscriber S requests history 20/);
    assert.match(line, /--history 20 or more/);
  }
  const status = system.start(["status", "--json"]);
  assert.equal(await status.exit(), 0);
  assert.match(status.stdout.join("\n"), /--history 20 or more/);
  assert.equal(await subscriber.interrupt(), 0);
  assert.equal(subscriber.summary().received, 0);
});

systemTest(
  "history 20 offered, 5 requested: who joins late gets exactly the last 5, then the live ones",
  async (system) => {
    await system.broker();
    const publisher = system.start([
      "publisher",
      "--topics",
      "T",
      "--history",
      "20",
      "--indefinite",
      "--sleep",
      "0.02",
    ]);
    await publisher.says(/owns topic T/);
    await delay(700);
    const subscriber = system.start([
      "subscriber",
      "--topics",
      "T",
      "--history",
      "5",
      "--max-event-count",
      "25",
      "--json",
    ]);
    assert.equal(await subscriber.exit(), 0);
    const samples = printed(subscriber.stdout);
    assert.deepEqual(samples.map(({ historical }) => historical), [
      ...Array(5).fill(true),
      ...Array(20).fill(false),
    ]);
    const first = samples[0]!.sequence;
    assert.ok(first > 20, `joined at sample ${first}`);
    assert.deepEqual(
      samples.map(({ sequence }) => sequence),
      Array.from({ length: 25 }, (_, i) => first + i),
    );
    assert.equal(subscriber.summary().historical, 5);
  },
);

systemTest("ownership passes on when the owner is killed, and to a stronger one at once", async (system) => {
  await system.broker();
  const publish = ["publisher", "--topics", "T", "--indefinite", "--sleep", "0.02", "--id"];
  const first = system.start([...publish, "first"]);
  await first.says(/owns topic T/);
  const second = system.start([...publish, "second"]);
  await second.says(/does not own topic T/);
  const subscriber = system.start(["subscriber", "--topics", "T", "--indefinite", "--json"]);
  const owners = () => [...new Set(printed(subscriber.stdout).map(({ publisher }) => publisher))];
  await until("the first owner is heard", () => owners().includes("first"));
  await first.kill();
  await until("the second owner is heard", () => owners().includes("second"), 8000);
  const third = system.start([...publish, "third", "--strength", "10"]);
  await third.says(/owns topic T/);
  await until("the stronger owner is heard", () => owners().includes("third"), 2000);
  assert.equal(await subscriber.interrupt(), 0);
  assert.deepEqual(owners(), ["first", "second", "third"]);
  const epochs = printed(subscriber.stdout).map(({ epoch }) => Number(epoch));
  assert.deepEqual(epochs, epochs.toSorted((a, b) => a - b), "epochs only grow");
  assert.deepEqual([subscriber.summary().lost, subscriber.summary().duplicates], [0, 0]);
});

systemTest("an owner stopped past its session and continued is not heard again", async (system) => {
  await system.broker();
  const publish = [
    "publisher",
    "--topics",
    "T",
    "--indefinite",
    "--sleep",
    "0.01",
    "--session-timeout",
    "1",
    "--id",
  ];
  const first = system.start([...publish, "first"]);
  await first.says(/owns topic T/);
  const subscriber = system.start(["subscriber", "--topics", "T", "--indefinite", "--json"]);
  const owners = () => printed(subscriber.stdout).map(({ publisher }) => publisher);
  await until("the first owner is heard", () => owners().includes("first"));
  const second = system.start([...publish, "second"]);
  await second.says(/does not own topic T/);
  first.signal("SIGSTOP");
  await second.says(/owns topic T/);
  await until("the second owner is heard", () => owners().includes("second"));
  first.signal("SIGCONT");
  await first.says(/session .*(lost|over|expired)/i);
  await delay(1000);
  assert.equal(await subscriber.interrupt(), 0);
  const heard = owners();
  assert.ok(
    heard.lastIndexOf("first") < heard.indexOf("second"),
    "nothing of the old owner after the new one",
  );
});

/** Lines of different lengths, each different, some of them not UTF-8. */
function manyLines(count: number): Uint8Array {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    parts.push(encoder.encode(`${i} ${"x".repeat(i % 97)}`));
    if (i % 1000 === 7) parts.push(new Uint8Array([0xff, 0xfe, 0x00, 0x41]));
    parts.push(new Uint8Array([10]));
  }
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

for (const mode of [[], ["--centralized"]]) {
  systemTest(`100,000 lines through --stdin and --raw are equal, ${mode[0] ?? "direct"}`, async (system) => {
    await system.broker();
    const lines = manyLines(100_000);
    const subscriber = system.start(["subscriber", "--topics", "A", "--raw", "--indefinite", ...mode], {
      stdoutFile: system.file("copy"),
    });
    await subscriber.says(/registered in zone/);
    const publisher = system.start(["publisher", "--topics", "A", "--stdin", ...mode], { stdin: lines });
    assert.equal(await publisher.exit(), 0);
    assert.equal(await subscriber.interrupt(), 0);
    assert.deepEqual(Deno.readFileSync(system.file("copy")), lines);
    const { received, lost, duplicates } = subscriber.summary();
    assert.deepEqual({ received, lost, duplicates }, { received: 100_000, lost: 0, duplicates: 0 });
  });
}

systemTest(
  "a client started before ZooKeeper and before any broker waits, says so and goes on",
  async (system) => {
    const { coordinator } = system;
    await coordinator.kill();
    const subscriber = system.start(["subscriber", "--topics", "A", "--max-event-count", "3", "--json"]);
    await subscriber.says(/waiting for ZooKeeper/);
    await coordinator.restart();
    await subscriber.says(/waiting for a primary broker/);
    const publisher = system.start(["publisher", "--topics", "A", "--indefinite", "--sleep", "0.05"]);
    await publisher.says(/waiting for a primary broker/);
    await system.broker();
    assert.equal(await subscriber.exit(), 0);
    assert.equal(await publisher.interrupt(), 0);
  },
  { own: true },
);

systemTest(
  "ZooKeeper restarts under a running system: direct samples go on, nothing is lost",
  async (system) => {
    await system.broker("--id", "b1");
    const flags = ["--topics", "A", "--ownership", "shared"];
    const publisher = system.start(["publisher", ...flags, "--indefinite", "--sleep", "0.01"]);
    const subscriber = system.start(["subscriber", ...flags, "--json", "--max-event-count", "500"]);
    await subscriber.prints(50);
    await system.coordinator.kill();
    const before = subscriber.stdout.length;
    await until("samples flow without ZooKeeper", () => subscriber.stdout.length > before + 20);
    await system.coordinator.restart();
    assert.equal(await subscriber.exit(), 0);
    const { lost, duplicates } = subscriber.summary();
    assert.deepEqual({ lost, duplicates }, { lost: 0, duplicates: 0 });
    assert.equal(await publisher.interrupt(), 0);
    const late = system.start(["publisher", "--topics", "A", "--indefinite", "--sleep", "0.05"]);
    await late.says(/owns topic A/);
  },
  { own: true },
);

/** Resident bytes of a process. */
function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) * 1024;
}

systemTest(
  "a subscriber that takes 5,000 lines a second: nothing is lost, memory stays bounded on all sides",
  async (system) => {
    const broker = await system.broker("--centralized");
    const flags = ["--topics", "A", "--centralized"];
    const lines = 1_000_000;
    const slow = system.start(["subscriber", ...flags, "--raw", "--indefinite"], { slowReader: 5000 });
    await slow.says(/registered in zone/);
    const input = new TextEncoder().encode(Array.from({ length: lines }, (_, i) => `${i + 1}\n`).join(""));
    const publisher = system.start(["publisher", ...flags, "--stdin"], { stdin: input });
    await publisher.says(/owns topic A/);
    const start = [broker, slow, publisher].map(({ pid }) => residentBytes(pid));
    await until("20,000 lines are taken", () => slow.taken >= 20_000, 20_000);
    const grown = [broker, slow, publisher].map(({ pid }, i) => residentBytes(pid) - start[i]!);
    for (const bytes of grown) {
      assert.ok(
        bytes < 300 * 1024 * 1024,
        `grown by ${grown.map((n) => n >> 20)} MiB`,
      );
    }
    assert.ok(publisher.running, "the publisher is held back");
    slow.signal("SIGINT");
    await until("the summary", () => slow.stderr.some((line) => line.startsWith("summary")));
    const { lost, duplicates } = slow.summary();
    assert.deepEqual({ lost, duplicates }, { lost: 0, duplicates: 0 });
    assert.ok(slow.inOrder, "every line once, in order");
  },
);
