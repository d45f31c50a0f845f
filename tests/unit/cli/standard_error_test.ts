import assert from "node:assert/strict";
import { StandardError } from "../../../cli/standard_error.ts";

/** Takes `room` bytes, then none until there is room again. */
class Narrow {
  text = "";
  constructor(public room: number) {}

  writeSync(bytes: Uint8Array): number {
    if (this.room === 0) throw new Deno.errors.WouldBlock("full");
    const count = Math.min(this.room, bytes.length);
    this.room -= count;
    this.text += new TextDecoder().decode(bytes.subarray(0, count));
    return count;
  }

  // deno-lint-ignore require-await
  async write(bytes: Uint8Array): Promise<number> {
    return this.writeSync(bytes);
  }
}

Deno.test("a line is written before the call comes back", () => {
  const stream = new Narrow(1000);
  new StandardError(stream).line("first");
  assert.equal(stream.text, "first\n");
});

Deno.test("where there is no room the rest of a line and the lines behind it wait, in order", async () => {
  const stream = new Narrow(4);
  const errors = new StandardError(stream);
  errors.line("first");
  errors.line("second");
  assert.equal(stream.text, "firs");
  stream.room = 3;
  setTimeout(() => stream.room = 1000, 5);
  await errors.flush();
  assert.equal(stream.text, "first\nsecond\n");
  errors.line("third");
  assert.equal(stream.text, "first\nsecond\nthird\n");
});

Deno.test("at most a mebibyte waits; how many lines are left out is said", async () => {
  const stream = new Narrow(0);
  const errors = new StandardError(stream);
  const line = "x".repeat(99_999);
  for (let i = 0; i < 15; i++) errors.line(line);
  stream.room = 1e9;
  await errors.flush();
  const lines = stream.text.split("\n");
  assert.equal(lines.filter((one) => one === line).length, 10);
  assert.equal(lines.at(-2), "5 lines are left out: standard error was not read");
});

Deno.test("a closed standard error ends nothing", async () => {
  const gone = () => {
    throw new Deno.errors.BrokenPipe("gone");
  };
  const errors = new StandardError({ writeSync: gone, write: gone });
  errors.line("nobody hears it");
  await errors.flush();
});
