import assert from "node:assert/strict";
import { sampleEncoder } from "../../../lib/output/sample_encoder.ts";
import { SampleOutput } from "../../../lib/output/sample_output.ts";
import { batchOf } from "../stream/sample_batch_fixture.ts";

const raw = sampleEncoder("raw")!;

/** A reader that takes a write when it is told to. */
class SlowReader {
  taken = "";
  #waiting: { bytes: Uint8Array; resolve: () => void; reject: (error: Error) => void } | undefined;
  write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => this.#waiting = { bytes, resolve, reject });
  async take(error?: Error): Promise<number> {
    while (!this.#waiting) await new Promise((resolve) => setTimeout(resolve, 0));
    const { bytes, resolve, reject } = this.#waiting;
    this.#waiting = undefined;
    if (error) reject(error);
    else resolve();
    this.taken += new TextDecoder().decode(bytes);
    return bytes.length;
  }
}

Deno.test("samples that come while a write is under way go out together, in order", async () => {
  const reader = new SlowReader();
  const output = new SampleOutput(raw, reader.write);
  void output.add(batchOf(["1"]), 1, "sub-1");
  await reader.take();
  for (let i = 2; i <= 100; i++) void output.add(batchOf([String(i)]), 1, "sub-1");
  await reader.take();
  const finished = output.finish();
  if (reader.taken.split("\n").length < 101) await reader.take();
  await finished;
  assert.equal(reader.taken, Array.from({ length: 100 }, (_, i) => `${i + 1}\n`).join(""));
});

Deno.test("only the samples asked for are written", async () => {
  const reader = new SlowReader();
  const output = new SampleOutput(raw, reader.write);
  void output.add(batchOf(["1", "2", "3"]), 2, "sub-1");
  await reader.take();
  await output.finish();
  assert.equal(reader.taken, "1\n2\n");
});

Deno.test("who adds is told when its samples have left, and no sooner", async () => {
  const reader = new SlowReader();
  const output = new SampleOutput(raw, reader.write);
  const left: number[] = [];
  const adding = ["x".repeat(40_000), "y", "z"].map((text, i) =>
    void output.add(batchOf([text]), 1, "sub-1").then(() => left.push(i))
  );
  // Three writes: the first batch is longer than a piece.
  await reader.take();
  await reader.take();
  assert.deepEqual(left, []);
  await reader.take();
  await Promise.all(adding);
  assert.deepEqual(left, [0, 1, 2]);
  assert.equal(reader.taken.length, 40_001 + 2 + 2);
});

Deno.test("a failed write reaches whoever waits, adds or finishes, as nothing is written any more", async () => {
  const output = new SampleOutput(raw, () => Promise.reject(new Error("No space left")));
  const both = ["sub-1", "sub-2"].map((id) => output.add(batchOf(["1"]), 1, id));
  for (const one of both) await assert.rejects(one, /No space left/);
  await assert.rejects(output.add(batchOf(["1"]), 1, "sub-1"), /No space left/);
  await assert.rejects(output.finish(), /No space left/);
});

Deno.test("case 43: what was added at once is written whole or taken back, and who is told knows which", async () => {
  let held = "";
  let room = 3;
  const output = new SampleOutput(raw, (bytes) => {
    if (room-- <= 0) return Promise.reject(new Error("No space left"));
    held += new TextDecoder().decode(bytes);
    return Promise.resolve();
  }, (count) => held = held.slice(0, -count));
  // Pieces of 16 KiB, of which three are written: the first two additions, and the beginning of the third.
  const texts = ["a", "b", "c", "d"].map((text) => text.repeat(20_000));
  const ends = await Promise.allSettled(texts.map((text) => output.add(batchOf([text]), 1, "sub-1")));
  assert.deepEqual(ends.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected", "rejected"]);
  assert.equal(held, `${texts[0]}\n${texts[1]}\n`);
});
