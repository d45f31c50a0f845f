/** The executable as its users meet it: exit codes, signals, pipes, files that cannot be written. */
import assert from "node:assert/strict";
import { ZooKeeper } from "../../../lib/zk/zookeeper.ts";
import { delay, until } from "../../harness/condition.ts";
import { type System, systemTest } from "../../harness/system.ts";

/** A broker and a publisher of T that goes on, as fast as `sleep` lets it. */
async function running(system: System, sleep = "0.02"): Promise<void> {
  await system.broker("--id", "b1");
  const publisher = system.start(["publisher", "-t", "T", "-i", "--sleep", sleep, "--id", "p1"]);
  await publisher.says(/owns topic T/);
}

systemTest("mistakes exit with 2 and one line that names the nearest flag or command", async (system) => {
  const cases: [string[], RegExp][] = [
    [[], /^error: a command is required/],
    [["brokr"], /^error: unknown command 'brokr' .*broker/],
    [["publisher", "--tpoics", "A"], /^error: unknown option '--tpoics' .*--topics/],
    [["broker", "--zone", "-1"], /^error: --zone must be a whole number of at least 1: got "-1"/],
    [["subscriber", "-t", "A", "--zookeeper", "h:port"], /^error: --zookeeper: .*"h:port"/],
  ];
  await Promise.all(cases.map(async ([args, expected]) => {
    const process = system.start(args);
    assert.equal(await process.exit(), 2, args.join(" "));
    // Deno itself may say that it waits for another process that looks after node_modules.
    const said = process.stderr.filter((line) => !/waiting for file lock/.test(line));
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0]!, expected);
    assert.deepEqual(process.stdout, []);
  }));
});

systemTest("help and version go to standard output and exit with 0", async (system) => {
  const help = system.start(["subscriber", "--help"]);
  const version = system.start(["--version"]);
  assert.equal(await help.exit(), 0);
  assert.equal(await version.exit(), 0);
  assert.match(help.stdout.join("\n"), /^Usage: pubsub subscriber/);
  assert.match(help.stdout.join("\n"), /--max-event-count/);
  assert.match(version.stdout.join("\n"), /^pubsub \d+\.\d+\.\d+ /);
  const said = [...help.stderr, ...version.stderr].filter((line) => !/waiting for file lock/.test(line));
  assert.deepEqual(said, []);
});

systemTest("a failure exits with 1 and one line; --verbose adds the stack", async (system) => {
  const path = `${system.directory}/missing/s.csv`;
  const plain = system.start(["subscriber", "-t", "T", "--filename", path]);
  const verbose = system.start(["subscriber", "-t", "T", "--filename", path, "--verbose"]);
  assert.equal(await plain.exit(), 1);
  assert.equal(await verbose.exit(), 1);
  const errors = plain.stderr.filter((line) => line.startsWith("error: "));
  assert.deepEqual(errors, [
    `error: cannot write ${path}: No such file or directory (os error 2): open '${path}'`,
  ]);
  assert.ok(!plain.stderr.some((line) => line.startsWith("    at ")), "a stack without --verbose");
  assert.ok(verbose.stderr.some((line) => line.startsWith("    at ")), "no stack with --verbose");
});

systemTest(
  "a second Ctrl-C ends at once with 130 what waits for a reader that stands still",
  async (system) => {
    await system.broker();
    const subscriber = system.start(["subscriber", "-t", "T", "-i"]);
    await subscriber.says(/registered in zone/);
    const flags = ["-t", "T", "-i", "--sleep", "0", "--slow-subscriber", "300", "--max-in-flight", "1000"];
    const publisher = system.start(["publisher", ...flags, "--wait-for-subscribers", "1"]);
    // From here on it has as much under way as it may have.
    await subscriber.prints(3000);
    subscriber.signal("SIGSTOP");
    try {
      publisher.signal("SIGINT");
      await publisher.says(/leaving; once more to leave at once/);
      await delay(300);
      const before = performance.now();
      publisher.signal("SIGINT");
      assert.equal(await publisher.exit(), 130);
      assert.ok(performance.now() - before < 5000, "it waited on");
    } finally {
      subscriber.signal("SIGCONT");
    }
  },
);

systemTest("Ctrl-C, SIGTERM and SIGHUP leave cleanly also while ZooKeeper is waited for", async (system) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    for (const role of [["broker"], ["publisher", "-t", "T"], ["subscriber", "-t", "T"]]) {
      // Nobody listens on port 1.
      const process = system.start([...role, "-z", "127.0.0.1:1"]);
      await process.says(/waiting for ZooKeeper|cannot be reached/);
      process.signal(signal);
      assert.equal(await process.exit(10_000), 0, `${role[0]} on ${signal}: ${process.stderr.join("\n")}`);
      if (role[0] === "subscriber") assert.equal(process.summary().received, 0);
    }
  }
});

systemTest("under nohup the end of the terminal does not end it", async (system) => {
  const main = new URL("../../../main.ts", import.meta.url).pathname;
  const log = system.file("log");
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'exec nohup "$@" >"$0" 2>&1',
      log,
      Deno.execPath(),
      "run",
      "-A",
      // While Deno waits for its lock on node_modules it takes the signals over, and nohup's wish is lost.
      "--node-modules-dir=manual",
      main,
      "broker",
      "-z",
      "127.0.0.1:1",
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await until("it waits for ZooKeeper", () => Deno.readTextFileSync(log).includes("cannot be reached"));
    child.kill("SIGHUP");
    await delay(500);
    const said = Deno.readTextFileSync(log);
    assert.ok(!said.includes("leaving"), `it leaves on SIGHUP: ${said}`);
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended, as it should.
    }
    await child.status;
  }
});

systemTest("Ctrl-C writes the latency file and exactly one summary, the last line", async (system) => {
  await running(system);
  const file = system.file("s.csv");
  const subscriber = system.start(["subscriber", "-t", "T", "-i", "--filename", file, "--json"]);
  await subscriber.prints(20);
  assert.equal(await subscriber.interrupt(), 0);
  const summaries = subscriber.stderr.filter((line) => line.startsWith("summary "));
  assert.equal(summaries.length, 1);
  assert.equal(subscriber.stderr.at(-1), summaries[0]);
  const rows = Deno.readTextFileSync(file).trimEnd().split("\n").slice(1);
  const printed = subscriber.stdout.map((line) => JSON.parse(line) as { sequence: number });
  assert.equal(rows.length, subscriber.summary().received);
  assert.deepEqual(rows.map((row) => Number(row.split(",")[3])), printed.map(({ sequence }) => sequence));
});

systemTest("a reader that leaves ends the subscriber quietly and cleanly", async (system) => {
  await running(system);
  const main = new URL("../../../main.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command("/bin/bash", {
    args: [
      "-c",
      '"$@" | head -n 2; exit "${PIPESTATUS[0]}"',
      "bash",
      ...[Deno.execPath(), "run", "-A", main, "subscriber", "-t", "T", "-i", "--raw"],
    ],
    env: { PUBSUB_ZOOKEEPER: system.zookeeper },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.equal(code, 0, said);
  assert.equal(new TextDecoder().decode(stdout).trimEnd().split("\n").length, 2);
  assert.doesNotMatch(said, /error|ERROR|pipe/i);
  assert.match(said, /^summary received=/m);
});

systemTest(
  "a full disk under the latency file: one error line, samples go on, exit code 1",
  async (system) => {
    await running(system);
    const subscriber = system.start(["subscriber", "-t", "T", "-m", "40", "--filename", "/dev/full"]);
    assert.equal(await subscriber.exit(), 1);
    assert.equal(subscriber.stdout.length, 40);
    assert.equal(subscriber.summary().received, 40);
    const errors = subscriber.stderr.filter((line) => / ERROR |^error/.test(line));
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0]!, /cannot write \/dev\/full: No space left on device/);
  },
);

systemTest("a full disk under standard output is told and exits with 1", async (system) => {
  await running(system);
  const subscriber = system.start(["subscriber", "-t", "T", "-m", "40"], { stdoutFile: "/dev/full" });
  assert.equal(await subscriber.exit(), 1);
  assert.match(subscriber.stderr.join("\n"), /^error: cannot write standard output: No space left/m);
  assert.match(subscriber.stderr.join("\n"), /^summary /m);
});

systemTest("--count starts as many clients, with ids and files of their own", async (system) => {
  await system.broker();
  const flags = ["-t", "T", "-m", "30", "--count", "2", "--ownership", "shared"];
  const file = system.file("s.csv");
  const subscribers = system.start([
    "subscriber",
    ...flags,
    "--id",
    "s",
    "--filename",
    file,
    "--quiet",
    "-m",
    "60",
  ]);
  await subscribers.says(/s-1: registered/);
  await subscribers.says(/s-2: registered/);
  const publishers = system.start([
    "publisher",
    ...flags,
    "--id",
    "p",
    "-s",
    "0.01",
    "--wait-for-subscribers",
    "2",
  ]);
  assert.equal(await publishers.exit(), 0);
  assert.equal(await subscribers.exit(), 0);
  assert.equal(subscribers.summary().received, 120);
  for (const number of [1, 2]) {
    const rows = Deno.readTextFileSync(system.file(`s-${number}.csv`)).trimEnd().split("\n").slice(1);
    assert.equal(rows.length, 60);
    assert.deepEqual([...new Set(rows.map((row) => row.split(",")[0]))].sort(), ["p-1", "p-2"]);
  }
});

systemTest("keyed lines go to their topic only; a line that has none is named", async (system) => {
  await system.broker();
  const subscriber = system.start(["subscriber", "-t", "A", "-t", "B", "-m", "3", "--json"]);
  await subscriber.says(/registered in zone/);
  const publish = ["publisher", "-t", "A", "-t", "B", "--stdin", "--keyed", "--wait-for-subscribers", "1"];
  const publisher = system.start(publish, {
    stdin: new TextEncoder().encode("A\t1\nB\t2\tx\nA\t\nno topic\nA\t4\n"),
  });
  assert.equal(await publisher.exit(), 1);
  assert.match(publisher.stderr.join("\n"), /^error: line 4 of the input has no tab/m);
  assert.equal(await subscriber.exit(), 0);
  const seen = subscriber.stdout.map((line) => JSON.parse(line) as { topic: string; payload: string });
  assert.deepEqual(seen.filter(({ topic }) => topic === "A").map(({ payload }) => payload), ["1", ""]);
  assert.deepEqual(seen.filter(({ topic }) => topic === "B").map(({ payload }) => payload), ["2\tx"]);
});

systemTest(
  "lines that come while another publisher owns the topic are held back, none is dropped",
  async (system) => {
    await system.broker();
    const owner = system.start(["publisher", "-t", "T", "-i", "--message", "owner", "--id", "owner"]);
    await owner.says(/owns topic T/);
    const subscriber = system.start(["subscriber", "-t", "T", "-i", "--json"]);
    await subscriber.says(/registered in zone/);
    const lines = Array.from({ length: 100 }, (_, i) => String(i));
    const publisher = system.start(["publisher", "-t", "T", "--stdin", "--id", "reader"], {
      stdin: new TextEncoder().encode(lines.join("\n") + "\n"),
    });
    await publisher.says(/does not own topic T/);
    await delay(300);
    assert.ok(!subscriber.stdout.some((line) => line.includes('"reader"')), "heard without owning the topic");
    assert.equal(await owner.interrupt(), 0);
    assert.equal(await publisher.exit(), 0);
    assert.equal(await subscriber.interrupt(), 0);
    const read = subscriber.stdout.map((line) => JSON.parse(line) as { publisher: string; payload: string })
      .filter(({ publisher }) => publisher === "reader").map(({ payload }) => payload);
    assert.deepEqual(read, lines);
  },
);

systemTest("--embedded-zookeeper: one process is enough for others to join", async (system) => {
  const broker = system.start(["broker", "--embedded-zookeeper", "127.0.0.1:0", "--autokill", "60"]);
  const zookeeper = /--zookeeper (\S+)/.exec(await broker.says(/others: --zookeeper/))![1]!;
  await broker.says(/primary of zone 1/);
  const subscriber = system.start(["subscriber", "-t", "T", "-m", "5"], { zookeeper });
  const publisher = system.start(["publisher", "-t", "T", "-i", "-s", "0.02"], { zookeeper });
  assert.equal(await subscriber.exit(), 0);
  assert.equal(await publisher.interrupt(), 0);
  assert.equal(await broker.interrupt(), 0);
});

systemTest("--autokill is a crash: no farewell, killed by its own signal", async (system) => {
  const broker = system.start(["broker", "--autokill", "1.5"]);
  assert.equal(await broker.exit(), 137);
  assert.ok(!broker.stderr.some((line) => /leaving/.test(line)));
});

systemTest(
  "clear refuses while a broker runs, then removes every znode and tells how many",
  async (system) => {
    await running(system);
    const refused = system.start(["clear"]);
    assert.equal(await refused.exit(), 1);
    assert.match(refused.stderr.join("\n"), /^error: nothing removed: broker b1 is running/m);
    const forced = system.start(["clear", "--force"]);
    assert.equal(await forced.exit(), 0, forced.stderr.join("\n"));
    assert.match(forced.stdout.join("\n"), /^removed \d+ znodes from /);
  },
);

systemTest("clear removes what a system that has ended left behind, elections too", async (system) => {
  await using zk = new ZooKeeper({ servers: system.zookeeper });
  await zk.connected();
  const broker = await system.broker();
  await broker.says(/primary of zone 1/);
  assert.equal(await broker.interrupt(), 0);
  const before = (await zk.getChildren("/")).names;
  assert.ok(before.includes("elections") && before.includes("shared_state"), before.join(" "));
  await zk.ensurePath("/not/ours");
  const clear = system.start(["clear"]);
  assert.equal(await clear.exit(), 0);
  assert.deepEqual((await zk.getChildren("/")).names, ["not"]);
  const again = system.start(["clear"]);
  assert.equal(await again.exit(), 0);
  assert.match(again.stdout.join("\n"), /^removed 0 znodes from /);
});

systemTest("status tells of no ZooKeeper in one line and exits with 1", async (system) => {
  const status = system.start(["status", "-z", "127.0.0.1:1", "--timeout", "0.5"]);
  assert.equal(await status.exit(), 1);
  assert.match(status.stderr.at(-1)!, /^error: no ZooKeeper answers at 127\.0\.0\.1:1 .*--zookeeper/);
});

systemTest("status --watch shows a client come and go", async (system) => {
  await running(system);
  const status = system.start(["status", "--watch", "--json"]);
  await status.prints(1);
  const latest = () =>
    (JSON.parse(status.stdout.at(-1)!) as { subscribers: { id: string; matches: number }[] }).subscribers;
  const subscriber = system.start(["subscriber", "-t", "T", "-i", "--quiet", "--id", "s1"]);
  await until(
    "s1 is shown with its match",
    () => latest().some(({ id, matches }) => id === "s1" && matches === 1),
  );
  assert.equal(await subscriber.interrupt(), 0);
  await until("s1 is shown no longer", () => latest().length === 0);
  assert.equal(await status.interrupt(), 0);
});
