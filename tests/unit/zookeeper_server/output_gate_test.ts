import assert from "node:assert/strict";
import { type Gated, OutputGate, type Syncable } from "../../../lib/zookeeper_server/output_gate.ts";

class Output implements Gated {
  written = 0;
  released = 0;
  release(to: number): void {
    assert.ok(to >= this.released && to <= this.written);
    this.released = to;
  }
}

/** A log whose syncs end when the test says so. */
class SlowLog implements Syncable {
  records = 0;
  syncing: (PromiseWithResolvers<void> & { upTo: number }) | null = null;
  #synced = 0;
  get dirty(): boolean {
    return this.records > this.#synced;
  }
  async sync(): Promise<void> {
    const upTo = this.records;
    this.#synced = upTo;
    this.syncing = { ...Promise.withResolvers<void>(), upTo };
    await this.syncing.promise;
  }
}

const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

Deno.test("Without a log everything leaves at once", () => {
  const gate = new OutputGate<Output>(null, (error) => assert.fail(String(error)));
  const output = new Output();
  output.written = 10;
  gate.wrote(output);
  gate.open();
  assert.equal(output.released, 10);
});

Deno.test("An answer is held until the records before it are synced, also an answer to a read elsewhere", async () => {
  const log = new SlowLog();
  const gate = new OutputGate<Output>(log, (error) => assert.fail(String(error)));
  const [writer, reader] = [new Output(), new Output()];
  log.records++;
  writer.written = 10;
  gate.wrote(writer);
  gate.open();
  reader.written = 5; // It may tell of the record that is being synced.
  gate.wrote(reader);
  gate.open();
  assert.deepEqual([writer.released, reader.released], [0, 0]);
  log.syncing!.resolve();
  await settle();
  assert.deepEqual([writer.released, reader.released], [10, 5]);
  await gate.idle();
});

Deno.test("What is written during a sync waits for the next one; one sync serves all before it", async () => {
  const log = new SlowLog();
  const gate = new OutputGate<Output>(log, (error) => assert.fail(String(error)));
  const outputs = [new Output(), new Output(), new Output()];
  const write = (output: Output) => {
    log.records++;
    output.written += 10;
    gate.wrote(output);
    gate.open();
  };
  write(outputs[0]!);
  const first = log.syncing!;
  write(outputs[1]!);
  write(outputs[2]!);
  write(outputs[0]!);
  first.resolve();
  await settle();
  assert.deepEqual(outputs.map((output) => output.released), [10, 0, 0]);
  const second = log.syncing!;
  assert.notEqual(second, first);
  assert.equal(second.upTo, 4, "one sync for all three");
  second.resolve();
  await settle();
  assert.deepEqual(outputs.map((output) => output.released), [20, 10, 10]);
});

Deno.test("When the log fails nothing leaves any more, and the failure is told once", async () => {
  const log = new SlowLog();
  const failures: unknown[] = [];
  const gate = new OutputGate<Output>(log, (error) => failures.push(error));
  const output = new Output();
  const write = () => {
    log.records++;
    output.written += 10;
    gate.wrote(output);
    gate.open();
  };
  write();
  log.syncing!.reject(new Error("disk"));
  await settle();
  write();
  await gate.idle();
  assert.equal(output.released, 0);
  assert.deepEqual(failures.map(String), ["Error: disk"]);
});
