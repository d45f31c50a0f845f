import assert from "node:assert/strict";
import { UsageError } from "../../../lib/base/errors.ts";
import { ask, optionsOf } from "./fake_host.ts";

/** Flags as typed for the earlier framework after the role word, and what they must mean. */
const CARRIED_OVER: [string, Record<string, unknown>][] = [
  [
    "broker --verbose --indefinite --zookeeper_host 127.0.0.1:2181 --pub_reg_port 10000 --sub_reg_port 10001",
    { zookeeper: "127.0.0.1:2181", controlPorts: [10000, 10001], zone: 1 },
  ],
  ["broker -v -i -z zk:1 -prp 20000 -srp 20001 -c -zo 2", {
    zookeeper: "zk:1",
    controlPorts: [20000, 20001],
    zone: 2,
    centralized: true,
  }],
  [
    "publisher --verbose --max_event_count 120 --sleep 0.5 --zookeeper_host 127.0.0.1:2181 --topics A --topics B",
    {
      topics: ["A", "B"],
      maxEvents: 120,
      sleepMs: 500,
      count: 1,
      source: { kind: "synthetic" },
      flow: "drop",
    },
  ],
  ["publisher -t A -t B -m 7 -s 0 -hist 5 -bp 5556 -c -zo 3", {
    topics: ["A", "B"],
    maxEvents: 7,
    sleepMs: 0,
    history: 5,
    bindPort: 5556,
    centralized: true,
    zone: 3,
    flow: "wait",
  }],
  ["subscriber --max_event_count 60 --topics A --topics D --filename s1.txt --centralized", {
    topics: ["A", "D"],
    maxEvents: 60,
    csvPath: "s1.txt",
    centralized: true,
    format: "text",
  }],
  ["subscriber -t A -f s.csv -hist 20", { csvPath: "s.csv", history: 20, maxEvents: 15 }],
];

for (const [line, expected] of CARRIED_OVER) {
  Deno.test(`as typed for the earlier framework: ${line}`, async () => {
    const options = await optionsOf(line);
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(options[name], value, name);
  });
}

Deno.test("--verbose is handed on", async () => {
  assert.equal((await ask("broker -v")).launch!.verbose, true);
  assert.equal((await ask("broker")).launch!.verbose, false);
});

Deno.test("--autokill asks for a crash of the process, not of the broker object", async () => {
  const { launch } = await ask("broker -ak 15");
  assert.equal(launch!.dieAfterMs, 15_000);
});

Deno.test("--indefinite takes the limit away, --stdin and --raw have none unless it is given", async () => {
  assert.equal((await optionsOf("publisher -t A")).maxEvents, 15);
  assert.equal((await optionsOf("publisher -t A -i -m 3")).maxEvents, undefined);
  assert.equal((await optionsOf("publisher -t A --stdin")).maxEvents, undefined);
  assert.equal((await optionsOf("publisher -t A --stdin -m 3")).maxEvents, 3);
  assert.equal((await optionsOf("subscriber -t A --json")).maxEvents, 15);
  assert.equal((await optionsOf("subscriber -t A --raw")).maxEvents, undefined);
  assert.equal((await optionsOf("subscriber -t A --raw -m 3")).maxEvents, 3);
});

Deno.test("a source that can wait, waits for its subscribers by default", async () => {
  assert.equal((await optionsOf("publisher -t A --stdin")).flow, "wait");
  assert.equal((await optionsOf("publisher -t A --sleep 0")).flow, "wait");
  assert.equal((await optionsOf("publisher -t A --sleep 0.1")).flow, "drop");
  assert.equal((await optionsOf("publisher -t A --stdin --flow drop")).flow, "drop");
});

Deno.test("lines of standard input are held back, not dropped, while another publisher owns the topic", async () => {
  assert.equal((await optionsOf("publisher -t A --stdin")).whenNotOwner, "wait");
  assert.equal((await optionsOf("publisher -t A --stdin --when-not-owner drop")).whenNotOwner, "drop");
  assert.equal((await optionsOf("publisher -t A --sleep 0")).whenNotOwner, "drop");
});

Deno.test("lines of standard input are not paused between unless asked", async () => {
  assert.equal((await optionsOf("publisher -t A --stdin")).sleepMs, 0);
  assert.equal((await optionsOf("publisher -t A --stdin --sleep 0.5")).sleepMs, 500);
});

Deno.test("a subscriber's mode is the broker's unless it says", async () => {
  assert.equal("centralized" in await optionsOf("subscriber -t A"), false);
  assert.equal((await optionsOf("subscriber -t A -c")).centralized, true);
  assert.equal((await optionsOf("subscriber -t A --direct")).centralized, false);
});

Deno.test("the environment names ZooKeeper, a flag overrides it", async () => {
  assert.equal((await optionsOf("status", "env:1/x")).zookeeper, "env:1/x");
  assert.equal((await optionsOf("status -z flag:1", "env:1/x")).zookeeper, "flag:1");
  assert.equal((await optionsOf("status", "")).zookeeper, "127.0.0.1:2181");
  await assert.rejects(optionsOf("status", "env:port"), /PUBSUB_ZOOKEEPER/);
});

Deno.test("a text that looks like a flag can be the message", async () => {
  assert.deepEqual((await optionsOf(["publisher", "-t", "A", "--message", "--hello"])).source, {
    kind: "message",
    text: "--hello",
  });
});

Deno.test("flags without effect in the earlier framework are named and ignored", async () => {
  const { launch, remarks } = await ask("publisher -t A -b 10.0.0.1 --primary");
  assert.deepEqual((launch!.options as { topics: string[] }).topics, ["A"]);
  assert.equal(remarks.length, 2);
  assert.match(remarks[0]!, /^-b is ignored/);
});

const MISTAKES: [string, RegExp][] = [
  ["brokr", /unknown command 'brokr'.*broker/],
  ["help brokr", /unknown command 'brokr'.*broker/],
  ["publisher --tpoics A", /unknown option '--tpoics'.*--topics/],
  ["publisher --max_evnt_count 3", /--max-evnt-count.*--max-event-count/],
  ["publisher -t A --filename x", /'--filename' for publisher: it is a flag of subscriber/],
  ["publisher", /--topics is required/],
  ["publisher -t", /argument missing/],
  ["publisher -t A extra", /too many arguments/],
  ["publisher -t A -m 0", /--max-event-count must be a whole number of at least 1: got "0"/],
  ["publisher -t A -m 1e3", /--max-event-count.*"1e3"/],
  ["publisher -t A -s -1", /--sleep.*"-1"/],
  ["publisher -t A -s x", /--sleep.*"x"/],
  ["publisher -t A -hist -1", /--history.*"-1"/],
  ["publisher -t A -bp 65536", /--bind-port.*between 0 and 65535.*"65536"/],
  ["publisher -t A --strength 0.5", /--strength.*"0.5"/],
  ["publisher -t A --flow maybe", /--flow must be wait or drop: got "maybe"/],
  ["publisher -t A --id a/b", /--id.*a\/b/],
  ["publisher -t A --count 0", /--count/],
  ["publisher -t A --stdin --message x", /--stdin and --message exclude each other/],
  ["publisher -t A --keyed", /--keyed needs --stdin/],
  ["publisher -t A --stdin --count 2", /--stdin feeds one publisher.*got 2/],
  ["publisher -t A --bind-port 5556 --count 2", /--bind-port is one port.*got 2/],
  ["subscriber -t A --json --raw", /--json and --raw exclude each other/],
  ["subscriber -t A -c --direct", /--centralized and --direct exclude each other/],
  ["subscriber -t A --reliability some", /--reliability must be reliable or best-effort/],
  ["broker --zone 0", /--zone must be a whole number of at least 1: got "0"/],
  ["broker --zone", /argument missing/],
  ["broker -z :", /--zookeeper/],
  ["broker -z a:1 --embedded-zookeeper", /exclude each other/],
  ["broker --embedded-zookeeper nowhere", /--embedded-zookeeper.*nowhere/],
  ["broker --autokill 0", /--autokill/],
  ["--publisher 2 -t A", /pubsub publisher --count 2/],
  ["status --wach", /--watch/],
];

for (const [line, expected] of MISTAKES) {
  Deno.test(`a mistake is told in one line: pubsub ${line}`, async () => {
    await assert.rejects(ask(line), (error: unknown) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, expected);
      assert.ok(!error.message.includes("\n"), error.message);
      return true;
    });
  });
}

Deno.test("topics of 255 bytes are taken, of 256 and with NUL refused", async () => {
  const long = "ä".repeat(127) + "x";
  assert.deepEqual((await optionsOf(["publisher", "-t", long])).topics, [long]);
  await assert.rejects(optionsOf(["publisher", "-t", long + "y"]), UsageError);
  await assert.rejects(optionsOf(["publisher", "-t", "a\0b"]), UsageError);
  await assert.rejects(optionsOf(["publisher", "-t", ""]), UsageError);
});

Deno.test("a topic given twice counts once", async () => {
  assert.deepEqual((await optionsOf("subscriber -t A -t B -t A")).topics, ["A", "B"]);
});

Deno.test("help of every command shows its flags and examples, and launches nothing", async () => {
  for (
    const command of ["broker", "publisher", "subscriber", "status", "clear", "zookeeper", "perf", "report"]
  ) {
    const { out, launch } = await ask(`${command} --help`);
    assert.equal(launch, undefined);
    assert.match(out, new RegExp(`Usage: pubsub ${command} `));
    assert.match(out, /Examples:\n {2}pubsub /);
  }
  const { out } = await ask("--help");
  for (
    const command of ["broker", "publisher", "subscriber", "status", "clear", "zookeeper", "perf", "report"]
  ) {
    assert.match(out, new RegExp(`^ {2}${command} `, "m"));
  }
});

Deno.test("--version names the version", async () => {
  assert.match((await ask("--version")).out, /^pubsub \d+\.\d+\.\d+/);
});

Deno.test("perf takes several networks behind one flag, and its own words for the rest", async () => {
  const options = await optionsOf(
    "perf --networks tree:2,2 single:8 --modes direct --repeats 2 --out x --interval 0.05",
  );
  assert.deepEqual(options, {
    where: "local",
    networks: ["tree:2,2", "single:8"],
    modes: ["direct"],
    repeats: 2,
    out: "x",
    intervalSeconds: 0.05,
  });
  assert.equal((await optionsOf("perf --mininet")).where, "mininet");
  await assert.rejects(ask("perf --local --mininet"), /exclude each other/);
});

Deno.test("report takes the directory of a performance run", async () => {
  assert.deepEqual(await optionsOf("report study"), { directory: "study" });
  await assert.rejects(ask("report"), /missing required argument 'directory'/);
});
