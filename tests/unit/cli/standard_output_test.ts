import assert from "node:assert/strict";
import { StandardOutput } from "../../../cli/standard_output.ts";

const text = (chunks: Uint8Array[]) => chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
const bytes = (line: string) => new TextEncoder().encode(line);

Deno.test("lines and bytes leave in the order they came, also when the reader takes a few bytes at a time", async () => {
  const taken: Uint8Array[] = [];
  const output = new StandardOutput(async (chunk) => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    taken.push(chunk.slice(0, 3));
    return Math.min(3, chunk.length);
  }, () => assert.fail("the reader is there"));
  output.out("first line");
  const written = output.outBytes(bytes("then bytes\n"));
  output.out("last");
  await written;
  assert.match(text(taken), /^first line\nthen bytes\n/);
  await output.flush();
  assert.equal(text(taken), "first line\nthen bytes\nlast\n");
});

Deno.test("what gathers while a write is under way goes out in one write", async () => {
  let writes = 0;
  const output = new StandardOutput((chunk) => {
    writes++;
    return Promise.resolve(chunk.length);
  }, () => {});
  for (let i = 0; i < 1000; i++) output.out(String(i));
  await output.flush();
  assert.equal(writes, 1);
});

Deno.test("a reader that left is told once, and later output is dropped in silence", async () => {
  let gone = 0;
  const output = new StandardOutput(() => Promise.reject(new Deno.errors.BrokenPipe("gone")), () => gone++);
  await output.outBytes(bytes("a"));
  output.out("b");
  await output.outBytes(bytes("c"));
  await output.flush();
  assert.equal(gone, 1);
});

Deno.test("a full disk rejects the write that it concerns, and the flush after a line", async () => {
  const output = new StandardOutput(
    () => Promise.reject(new Error("No space left")),
    () => assert.fail("not gone"),
  );
  await assert.rejects(output.outBytes(bytes("a")), /No space left/);
  output.out("b");
  await assert.rejects(output.flush(), /No space left/);
  await output.flush();
});

Deno.test("case 43: of what a full disk interrupts, the beginning is taken back and what was whole before it stays", async () => {
  let held = "";
  const output = new StandardOutput(
    (chunk) => {
      const count = Math.min(chunk.length, 10 - held.length, 4);
      if (count === 0) return Promise.reject(new Error("No space left"));
      held += text([chunk.subarray(0, count)]);
      return Promise.resolve(count);
    },
    () => assert.fail("not gone"),
    (count) => held = held.slice(0, -count),
  );
  const ends = await Promise.allSettled(
    ["one\n", "two\n", "three\n", "4\n"].map((line) => output.outBytes(bytes(line))),
  );
  assert.equal(held, "one\ntwo\n");
  assert.deepEqual(ends.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected", "rejected"]);
  await output.outBytes(bytes("5\n"));
  assert.equal(held, "one\ntwo\n5\n");
});
