/** Case 12: names with braces were read as a template's placeholders: `owns topic roomundefined`. */
import assert from "node:assert/strict";
import { logger } from "../../lib/base/log.ts";
import { LogLines } from "../harness/log_lines.ts";
import { systemTest } from "../harness/system.ts";

const TOPIC = "room{1} {{x}} {sentence} %s";

Deno.test("case 12: what is logged is a finished sentence at every level", () => {
  using said = new LogLines();
  const log = logger("test");
  for (const level of ["info", "warn", "error"] as const) log[level](`${level} ${TOPIC} {*}`);
  assert.deepEqual(
    said.lines.map((line) => line.replace(/^.* test: /, "")),
    ["info", "warn", "error"].map((level) => `${level} ${TOPIC} {*}`),
  );
});

systemTest("case 12: a topic with braces is named as it is, in the mismatch line, too", async (system) => {
  await system.broker();
  const publisher = system.start(["publisher", "-t", TOPIC, "--id", "p", "--indefinite"]);
  const subscriber = system.start(["subscriber", "-t", TOPIC, "--id", "s", "--history", "5"]);
  const ends = (process: { says(pattern: RegExp): Promise<string> }, said: string) =>
    process.says(new RegExp(said.replaceAll(/[{}.]/g, "\\$&")));
  await ends(publisher, `owns topic ${TOPIC}, epoch`);
  await ends(publisher, `no match on topic ${TOPIC}: publisher p`);
  await ends(subscriber, `no match on topic ${TOPIC}: publisher p`);
  const matched = system.start(["subscriber", "-t", TOPIC]);
  await ends(matched, `on topic ${TOPIC}, through the`);
});
