/** The map in ARCHITECTURE.md is the floor plan of lib/: what a room imports, and what a pure one may not touch. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { title, unrestricted } from "../harness/permissions.ts";
import { type Plan, readPlan, type Source, trespasses, withoutComments } from "./floors.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function* sourcesBelow(folder: string, inside = ""): AsyncGenerator<Source> {
  for await (const entry of Deno.readDir(`${folder}/${inside}`)) {
    const path = inside + entry.name;
    if (entry.isDirectory) yield* sourcesBelow(folder, `${path}/`);
    else if (path.endsWith(".ts")) yield { path, text: await Deno.readTextFile(`${folder}/${path}`) };
  }
}

Deno.test({
  name: title("every import in lib/ is one that the map allows, and pure rooms touch nothing"),
  ignore: !unrestricted,
  async fn() {
    const plan = readPlan(await Deno.readTextFile(`${ROOT}ARCHITECTURE.md`));
    const sources = await Array.fromAsync(sourcesBelow(`${ROOT}lib`));
    assert.ok(sources.length > 150, `only ${sources.length} files were found`);
    assert.deepEqual(trespasses(plan, sources), []);
    const inhabited = new Set(sources.map(({ path }) => path.split("/")[0]!));
    assert.deepEqual([...plan.keys()].filter((room) => !inhabited.has(room)), [], "rooms without a file");
  },
});

const PLAN: Plan = readPlan(`
| room     | what it is for   | may import | packages |
| -------- | ---------------- | ---------- | -------- |
| \`base\`   | tools            | -          | -        |
| \`stream\` | pure: decides    | base       | \`zod\`    |
| \`mod.ts\` | all of it        | base       | -        |
`);

function found(path: string, ...lines: string[]): string[] {
  return trespasses(PLAN, [{ path, text: lines.join("\n") }]);
}

Deno.test("an import that the map does not allow is named with file and line", () => {
  assert.deepEqual(found("base/log.ts", "", 'import { a } from "../stream/a.ts";'), [
    "lib/base/log.ts:2: base may not import stream (../stream/a.ts)",
  ]);
  assert.deepEqual(found("base/log.ts", 'export * from "../mod.ts";'), [
    "lib/base/log.ts:1: base may not import mod.ts (../mod.ts)",
  ]);
  assert.deepEqual(found("stream/a.ts", 'const { b } = await import("../../roles/b.ts");'), [
    "lib/stream/a.ts:1: stream may not import what is above lib/ (../../roles/b.ts)",
  ]);
  assert.deepEqual(
    found("stream/a.ts", 'import { b } from "../base/b.ts";', 'import { c } from "./c.ts";'),
    [],
  );
});

Deno.test("an import over several lines, of types only, or for its effect, counts like any other", () => {
  assert.deepEqual(found("base/log.ts", "import {", "  a,", '} from "../stream/a.ts";'), [
    "lib/base/log.ts:3: base may not import stream (../stream/a.ts)",
  ]);
  assert.equal(found("base/log.ts", 'import type { A } from "../stream/a.ts";').length, 1);
  assert.equal(found("base/log.ts", 'import "../stream/a.ts";').length, 1);
  assert.equal(found("base/log.ts", 'type A = import("../stream/a.ts").A;').length, 1);
  assert.deepEqual(
    found("base/log.ts", '/** import { a } from "../stream/a.ts"; */', '// from "../stream/a.ts"'),
    [],
  );
});

Deno.test("packages belong to the rooms that name them; what the runtime brings is free", () => {
  assert.deepEqual(found("base/log.ts", 'import { z } from "zod";'), [
    "lib/base/log.ts:1: base may not use the package zod",
  ]);
  assert.deepEqual(
    found("stream/a.ts", 'import { z } from "zod/v4";', 'import { Buffer } from "node:buffer";'),
    [],
  );
});

Deno.test("a pure room that looks at a clock, sets a timer, draws chance or reaches outside is named", () => {
  for (
    const line of [
      ...["setTimeout(f, 1)", "performance.now()", "Date.now()", "new Date()", "new Date;", "Deno.env"],
      ...["Math.random()", "globalThis.Deno.pid", "crypto.randomUUID()", "AbortSignal.timeout(5)"],
      ...['new Worker("x")', "const { now } = Date;", "randomId(prefix)"],
    ]
  ) {
    assert.equal(found("stream/a.ts", line).length, 1, line);
    assert.deepEqual(found("base/a.ts", line), [], line);
  }
  for (
    const line of ['import { connect } from "node:net";', 'import "node:fs";', 'await import("node:fs")']
  ) {
    assert.equal(found("stream/a.ts", line).length, 1, line);
  }
  assert.equal(found("stream/a.ts", 'import { monotonic } from "../base/clock.ts";').length, 1);
  assert.deepEqual(found("stream/a.ts", "/** Never performance.now(). */", "new Date(time)"), []);
});

Deno.test("a file at the root or in a room without a line is named", () => {
  assert.deepEqual(found("attic/a.ts", ""), ["lib/attic/a.ts: the map in ARCHITECTURE.md has no room attic"]);
  assert.deepEqual(found("lost.ts", ""), ["lib/lost.ts: the map in ARCHITECTURE.md has no room lost.ts"]);
});

Deno.test("a map with a circle, an unknown room or no line is refused", () => {
  const line = (room: string, imports: string) => `| \`${room}\` | for | ${imports} | - |\n`;
  assert.throws(() => readPlan("nothing"), /no room/);
  assert.throws(() => readPlan(line("a", "b")), /a may import b, which has no line/);
  assert.throws(() => readPlan(line("a", "b") + line("b", "c") + line("c", "a")), /circle: a → b → c → a/);
});

Deno.test("comments are left out and lines stay where they are", () => {
  const text = 'a(); // "b"\n/* c\n d */ e("// no comment", `/* nor this */`);\nconst f = "http://x"; // g';
  assert.equal(
    withoutComments(text),
    'a(); \n\n e("// no comment", `/* nor this */`);\nconst f = "http://x"; ',
  );
});
