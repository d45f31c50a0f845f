/** Case 30: what others chose reached the terminal as it was: escape sequences, line breaks, writing direction. */
import assert from "node:assert/strict";
import { escapeXml } from "../../lib/report/escape_xml.ts";
import { until } from "../harness/condition.ts";
import { suite } from "../harness/coordination.ts";
import { World } from "../harness/fake_broker.ts";
import { LogLines } from "../harness/log_lines.ts";
import type { Pubsub } from "../harness/process.ts";
import { systemTest } from "../harness/system.ts";

const HOSTILE = "x\x1b]0;owned\x07\x1b[2J\u202egnp\n2026 ERROR all is lost";
const SHOWN = "x\\u001b]0;owned\\u0007\\u001b[2J\\u202egnp";
const UNSEEN = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

const test = suite();

test("case 30: the reason of a broker is one line in the log, every character of it seen", async (place) => {
  using said = new LogLines();
  const world = await World.in(place);
  const broker = await world.broker(1);
  broker.answer = () => [{ type: "rejected", code: "busy", reason: HOSTILE }];
  world.client();
  await until("it was said", () => said.with(/owned/).length > 0);
  assert.ok(said.lines.some((line) => line.includes(SHOWN)), said.lines.join("\n"));
  for (const line of said.lines) assert.doesNotMatch(line, UNSEEN);
});

systemTest("case 30: topics in the log, in errors, in samples and in status", async (system) => {
  await system.broker();
  const topic = HOSTILE;
  const publisher = system.start(["publisher", "-t", topic, "--id", "p", "--indefinite", "--message", "m"]);
  await publisher.says(/owns topic x\\u001b/);
  const subscriber = system.start(["subscriber", "-t", topic, "-m", "1"]);
  await subscriber.says(/matched with publisher p on topic x\\u001b/);
  assert.equal(await subscriber.exit(), 0);
  assert.ok(subscriber.stdout[0]!.startsWith(SHOWN), subscriber.stdout.join("\n"));
  const status = system.start(["status"]);
  assert.equal(await status.exit(), 0);
  const wrong = system.start(["subscriber", `--no-such-${topic}`]);
  assert.equal(await wrong.exit(), 2);
  const keyed = system.start(["publisher", "-t", "A", "--stdin", "--keyed"], {
    stdin: new TextEncoder().encode("\x1b[2J\u202e\tx\n"),
  });
  assert.equal(await keyed.exit(), 1);
  for (const process of [publisher, subscriber, status, wrong, keyed]) {
    for (const line of [...process.stdout, ...process.stderr]) assert.doesNotMatch(line, UNSEEN);
  }
  const json = system.start(["status", "--json"]);
  assert.equal(await json.exit(), 0);
  assert.ok(topicsOf(json).includes(topic));
});

function topicsOf(status: Pubsub): string[] {
  return (JSON.parse(status.stdout[0]!) as { topics: { topic: string }[] }).topics.map(({ topic }) => topic);
}

Deno.test("case 30: what goes into a page or picture is well-formed, whatever it holds", () => {
  assert.doesNotMatch(escapeXml(`<\x00\x1b\ud800">`), /[<>"\p{Cc}\p{Cs}]/u);
});
