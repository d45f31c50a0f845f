import assert from "node:assert/strict";
import { checkArgumentBytes } from "../../../cli/argument_bytes.ts";

const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const line = (...words: number[][]) => new Uint8Array(words.flatMap((word) => [...word, 0]));

Deno.test("case 19: an argument that is no UTF-8 is refused by its bytes, one with U+FFFD itself is not", () => {
  const typed = line(utf8("deno"), utf8("main.js"), utf8("subscriber"), utf8("-t"), [0x41, 0xff, 0xfe]);
  assert.throws(
    () => checkArgumentBytes(["subscriber", "-t", "A\ufffd\ufffd"], () => typed),
    { name: "UsageError", message: "argument 3 is not UTF-8: its bytes are 41fffe" },
  );
  checkArgumentBytes(["-t", "A\ufffd"], () => line([0xff], utf8("-t"), utf8("A\ufffd")));
  checkArgumentBytes(["-t", "A\ufffd"], () => undefined);
  checkArgumentBytes(["-t", "A"], () => assert.fail("asked without need"));
  const long = line(utf8("-t"), Array(100).fill(0xff));
  assert.throws(
    () => checkArgumentBytes(["-t", "\ufffd".repeat(100)], () => long),
    { message: `argument 2 is not UTF-8: its bytes are ${"ff".repeat(32)}…` },
  );
});
