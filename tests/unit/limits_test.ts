/** The table of limits in ARCHITECTURE.md says what the constants of the code say. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { title, unrestricted } from "../harness/permissions.ts";
import { evaluate, forms, readLimits, says, valuesOf } from "./limits.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test({
  name: title("every row of the table of limits has the values of the constants that it names"),
  ignore: !unrestricted,
  async fn() {
    const rows = readLimits(await Deno.readTextFile(`${ROOT}ARCHITECTURE.md`));
    assert.ok(rows.length > 75, `only ${rows.length} rows were found`);
    const wrong: string[] = [];
    for (const { what, limit, constants } of rows) {
      if (constants.length === 0 && /\d/.test(limit.replaceAll(/`[^`]*`/g, ""))) {
        wrong.push(`${what}: names no constant`);
      }
      for (const { file, name } of constants) {
        const path = /^(?:cli|roles)\//.test(file) ? `${file}.ts` : `lib/${file}.ts`;
        const source = await Deno.readTextFile(`${ROOT}${path}`).catch(() => "");
        const values = valuesOf(source, name);
        if (values.length === 0) wrong.push(`${what}: ${path} has no constant ${name}`);
        for (const value of values) {
          if (!says(limit, value)) wrong.push(`${what}: "${limit}" does not say ${name} = ${value}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  },
});

const SOURCE = `
const MIB = 1024 * 1024;
/** Most. */
export const MOST: Share = { bytes: 16 * 1024 * 1024, messages: 2048 };
const NAMES = 1_000;
const TERMS = 2n << 32n;
const LIMITS = { connections: 8192, watches: 1_000_000, rest: { burst: 4 * MIB, perSecond: Infinity } };
`;

Deno.test("values are read from the source: numbers, sums, fields of objects, all fields of one", () => {
  assert.deepEqual(valuesOf(SOURCE, "NAMES"), [1000]);
  assert.deepEqual(valuesOf(SOURCE, "MOST"), [16 * 2 ** 20, 2048]);
  assert.deepEqual(valuesOf(SOURCE, "LIMITS.watches"), [1_000_000]);
  assert.deepEqual(valuesOf(SOURCE, "LIMITS.rest"), [4 * 2 ** 20]);
  assert.deepEqual(valuesOf(SOURCE, "TERMS"), [2 ** 33]);
  assert.deepEqual(valuesOf(SOURCE, "NAME"), []);
  assert.equal(evaluate("64 << 20"), 64 * 2 ** 20);
  assert.equal(evaluate("process.exit(1)"), undefined);
});

Deno.test("a limit says a value in one of the usual notations, and only as a whole", () => {
  assert.ok(says("16 MiB and 2,048 messages", 16 * 2 ** 20));
  assert.ok(says("16 MiB and 2,048 messages", 2048));
  assert.ok(!says("16 MiB and 2,048 messages", 6 * 2 ** 20));
  assert.ok(says("5 s a round, then after 0.25 s", 250));
  assert.ok(says("2^30, and 100 million more", 2 ** 30) && says("2^30, and 100 million more", 100_000_000));
  assert.ok(says("one a minute", 60_000) && says("one a second", 1000) && says("a 32nd", 32));
  assert.ok(says("(10)", 10) && !says("(100)", 10) && !says("1,000", 0));
  assert.deepEqual(new Set(forms(1)).has("1"), true);
});
