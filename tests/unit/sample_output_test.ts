import assert from "node:assert/strict";
import { sampleEncoder } from "../../lib/sample_encoder.ts";
import { SampleOutput } from "../../lib/sample_output.ts";
import { batchOf } from "./sample_batch_fixture.ts";

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
  output.add(batchOf(["1"]), 1);
  await reader.take();
  for (let i = 2; i <= 100; i++) output.add(batchOf([String(i)]), 1);
  await reader.take();
  const finished = output.finish();
  if (reader.taken.split("\n").length < 101) await reader.take();
  await finished;
  assert.equal(reader.taken, Array.from({ length: 100 }, (_, i) => `${i + 1}\n`).join(""));
});

Deno.test("only the samples asked for are written", async () => {
  const reader = new SlowReader();
  const output = new SampleOutput(raw, reader.write);
  output.add(batchOf(["1", "2", "3"]), 2);
  await reader.take();
  await output.finish();
  assert.equal(reader.taken, "1\n2\n");
});

Deno.test("a reader that does not read makes the source wait, so memory stays bounded", async () => {
  const reader = new SlowReader();
  const output = new SampleOutput(raw, reader.write, 1000);
  const big = "x".repeat(600);
  let waiting: Promise<void> | undefined;
  let added = 0;
  while (!waiting && added < 10) {
    waiting = output.add(batchOf([big]), 1);
    added++;
  }
  assert.ok(waiting && added <= 4, `${added} batches were taken without a wait`);
  let went = false;
  const done = waiting.then(() => went = true);
  await reader.take();
  if (!went) await Promise.race([done, reader.take()]);
  await done;
  const finished = output.finish();
  while (reader.taken.length < added * 601) await reader.take();
  await finished;
});

Deno.test("a failed write reaches whoever adds or finishes, once", async () => {
  const output = new SampleOutput(raw, () => Promise.reject(new Error("No space left")));
  output.add(batchOf(["1"]), 1);
  await assert.rejects(output.finish(), /No space left/);
  await output.finish();
});
