import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type CsvFile,
  LATENCY_HEADER,
  LatencyCsv,
  latencyRows,
  numberedPath,
} from "../../../lib/output/latency_csv.ts";
import { batchOf } from "../stream/sample_batch_fixture.ts";

class MemoryFile implements CsvFile {
  text = "";
  writes = 0;
  closed = false;
  fault: Error | undefined;
  write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    if (this.fault) return Promise.reject(this.fault);
    // A short write, as a file system may answer.
    const part = bytes.subarray(0, Math.max(1, bytes.length >> 1));
    this.text += new TextDecoder().decode(part);
    return Promise.resolve(part.length);
  }
  truncate(length: number): Promise<void> {
    this.text = new TextDecoder().decode(new TextEncoder().encode(this.text).subarray(0, length));
    return Promise.resolve();
  }
  close(): void {
    this.closed = true;
  }
}

/** RFC 4180, with line feeds. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    if (end === "" && quoted === undefined && plain === "") break;
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (end === "\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

Deno.test("the header begins with the earlier framework's three columns", () => {
  assert.ok(LATENCY_HEADER.startsWith("publisher,topic,total_time_seconds,"));
});

Deno.test("a row has the latency in seconds with microseconds, and the times in milliseconds", () => {
  const batch = batchOf(["x", "y"], {
    firstSequence: 5,
    receiveTime: 1_700_000_000_001.25,
    publishTimes: [1_700_000_000_000, 1_700_000_000_001],
  });
  assert.equal(
    latencyRows(batch, 2),
    "pub-1,A,0.001250,5,7,1700000000000.000,1700000000001.250,0\n" +
      "pub-1,A,0.000250,6,7,1700000000001.000,1700000000001.250,0\n",
  );
  assert.match(latencyRows({ ...batch, historical: true }, 1), /,1\n$/);
});

Deno.test("any topic is one field of a row", () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }).filter((s) => !s.includes("\r")), (topic) => {
    const rows = parseCsv(latencyRows(batchOf(["x"], { topic }), 1));
    assert.equal(rows.length, 1);
    assert.equal(rows[0]!.length, 8);
    assert.equal(rows[0]![1], topic);
  }));
});

Deno.test("closing writes every row, also those of the last moment, and closes the file once", async () => {
  const file = new MemoryFile();
  const csv = new LatencyCsv(file, (reason) => assert.fail(reason));
  for (let i = 0; i < 1000; i++) void csv.add(batchOf(["x"], { firstSequence: i + 1 }), 1);
  await csv.close();
  await csv.close();
  const rows = parseCsv(file.text);
  assert.equal(rows.length, 1001);
  assert.deepEqual(rows.slice(1).map((row) => Number(row[3])), Array.from({ length: 1000 }, (_, i) => i + 1));
  assert.equal(file.closed, true);
});

Deno.test("rows reach the file by themselves, without a close", async () => {
  const file = new MemoryFile();
  const csv = new LatencyCsv(file, (reason) => assert.fail(reason));
  void csv.add(batchOf(["x"]), 1);
  const deadline = Date.now() + 10_000;
  while (!file.text.includes("pub-1")) {
    assert.ok(Date.now() < deadline, "the row was never written");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await csv.close();
});

Deno.test("a full disk is told once, later rows are dropped, and closing still works", async () => {
  const file = new MemoryFile();
  const reasons: string[] = [];
  const csv = new LatencyCsv(file, (reason) => reasons.push(reason));
  await csv.flush();
  file.fault = new Error("No space left on device");
  void csv.add(batchOf(["x"]), 1);
  await csv.flush();
  void csv.add(batchOf(["y"]), 1);
  await csv.flush();
  await csv.close();
  assert.deepEqual(reasons, ["No space left on device"]);
  assert.equal(csv.failed, true);
  assert.equal(file.closed, true);
});

Deno.test("a slow disk makes the source wait", async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => release = resolve);
  const write = (bytes: Uint8Array) => gate.then(() => bytes.length);
  const file: CsvFile = { write, truncate: () => Promise.resolve(), close: () => {} };
  const csv = new LatencyCsv(file, (reason) => assert.fail(reason), 10_000);
  const flushing = csv.flush();
  let waiting: Promise<void> | undefined;
  for (let i = 0; !waiting && i < 1000; i++) waiting = csv.add(batchOf(["x"]), 1);
  assert.ok(waiting, "60,000 bytes were taken by a writer bounded to 10,000");
  release();
  await waiting;
  await flushing;
  await csv.close();
});

Deno.test("several clients have a file each", () => {
  assert.equal(numberedPath("s1.csv", 2), "s1-2.csv");
  assert.equal(numberedPath("out.d/latency", 2), "out.d/latency-2");
  assert.equal(numberedPath("a/b.c.txt", 1), "a/b.c-1.txt");
  assert.equal(numberedPath(".hidden", 1), ".hidden-1");
});
