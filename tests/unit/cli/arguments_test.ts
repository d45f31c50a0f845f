import assert from "node:assert/strict";
import { type KnownFlags, normaliseArguments, roleHint } from "../../../cli/arguments.ts";

const known: KnownFlags = {
  flags: new Map([
    ["-s", "one"],
    ["--sleep", "one"],
    ["--max-event-count", "one"],
    ["--history", "one"],
    ["--message", "one"],
    ["--zookeeper", "one"],
    ["-z", "one"],
    ["--control-port", "one"],
    ["--indefinite", "none"],
    ["--embedded-zookeeper", "maybe"],
  ]),
};
const normal = (line: string) => normaliseArguments(line.split(" "), known);

Deno.test("the earlier framework's spellings become ours", () => {
  const table: [string, string][] = [
    ["--max_event_count 5", "--max-event-count 5"],
    ["--max_event_count=5", "--max-event-count=5"],
    ["-hist 5", "--history 5"],
    ["-hist=5", "--history=5"],
    ["-s=0.5", "-s 0.5"],
    ["-s0.5", "-s0.5"],
    ["-bp 5556", "--bind-port 5556"],
    ["-prp 10000 -srp 10001", "--control-port 10000 --control-port 10001"],
    ["--pub_reg_port 10000 --sub_reg_port 10001", "--control-port 10000 --control-port 10001"],
    ["-zo 2", "--zone 2"],
    ["-ak 15", "--autokill 15"],
    ["-thresh 3", "--load-threshold 3"],
    ["--load_threshold 3", "--load-threshold 3"],
    ["--topic A", "--topics A"],
    ["--zookeeper_hosts a:1 --zookeeper_host b:2", "--zookeeper a:1 --zookeeper b:2"],
  ];
  for (const [typed, expected] of table) {
    assert.deepEqual(normal(typed), { args: expected.split(" "), notices: [] }, typed);
  }
});

Deno.test("the value behind a flag is left alone, whatever it looks like", () => {
  assert.deepEqual(normal("--message -hist --sleep 1").args, ["--message", "-hist", "--sleep", "1"]);
  assert.deepEqual(normal("--message --topic -z --topic").args, ["--message", "--topic", "-z", "--topic"]);
  assert.deepEqual(normal("--message=--max_event_count").args, ["--message=--max_event_count"]);
});

Deno.test("nothing after -- is rewritten", () => {
  assert.deepEqual(normal("--indefinite -- -hist --topic").args, ["--indefinite", "--", "-hist", "--topic"]);
});

Deno.test("flags that had no effect are taken out with their value, and named", () => {
  const { args, notices } = normal("-b 10.0.0.1 --indefinite --primary --sleep 1 --broker_address=10.0.0.1");
  assert.deepEqual(args, ["--indefinite", "--sleep", "1"]);
  assert.deepEqual(notices.map((notice) => notice.split(" ")[0]), ["-b", "--primary", "--broker_address"]);
});

Deno.test("who types a role as a flag is told the command", () => {
  assert.match(roleHint(["--publisher", "2", "-t", "A"])!, /pubsub publisher --count 2/);
  assert.match(roleHint(["-v", "--subscriber", "1"])!, /pubsub subscriber \.\.\./);
  assert.match(roleHint(["-ba"])!, /pubsub backup-pool/);
  assert.match(roleHint(["--clear_zookeeper"])!, /pubsub clear/);
  assert.equal(roleHint(["--frobnicate"]), undefined);
});
