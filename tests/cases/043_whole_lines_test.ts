/** Case 43: a latency file on a full disk ended in half a line. (As root: file systems that are that small.) */
import assert from "node:assert/strict";
import { type CsvFile, LATENCY_HEADER, LatencyCsv, wholeRows } from "../../lib/output/latency_csv.ts";
import { appendLine, replaceFile } from "../../lib/base/whole_file.ts";
import { Broker, Publisher } from "../../lib/mod.ts";
import { runSubscriber } from "../../roles/subscriber.ts";
import { systemTest } from "../harness/system.ts";
import { batchOf } from "../unit/stream/sample_batch_fixture.ts";

const root = Deno.permissions.querySync({ name: "run" }).state === "granted" &&
  Deno.permissions.querySync({ name: "sys", kind: "uid" }).state === "granted" && Deno.uid() === 0;

/** Runs `body` with a directory that has room for `kib` KiB. */
async function small(kib: number, body: (directory: string) => Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "pubsub-small-" });
  const run = (name: string, ...args: string[]) => new Deno.Command(name, { args }).outputSync().success;
  assert.ok(run("mount", "-t", "tmpfs", "-o", `size=${kib}k`, "none", directory), "a small file system");
  try {
    await body(directory);
  } finally {
    run("umount", directory);
    Deno.removeSync(directory);
  }
}

function asRoot(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: root ? name : `${name} (ignored: needs root)`, ignore: !root, fn });
}

const fields = (line: string) => line.split(",").length;

if (root) {
  systemTest(
    "case 43: on a full disk the latency file and the events end with a whole line",
    async (system) => {
      await small(64, async (directory) => {
        await system.broker();
        const reader = system.start([
          "subscriber",
          "-t",
          "A",
          "--quiet",
          "-m",
          "3000",
          "--filename",
          `${directory}/s.csv`,
        ]);
        await reader.says(/registered in zone/);
        const flags = ["-t", "A", "-m", "3000", "-s", "0", "--wait-for-subscribers", "1"];
        const publisher = system.start(["publisher", ...flags]);
        assert.equal(await publisher.exit(), 0);
        assert.equal(await reader.exit(), 1);
        assert.equal(reader.summary().received, 3000);
        const text = Deno.readTextFileSync(`${directory}/s.csv`);
        assert.ok(text.endsWith("\n"), text.slice(-100));
        const lines = text.trimEnd().split("\n");
        assert.ok(lines.length > 300 && lines.length < 3000, `${lines.length} rows`);
        assert.ok(lines.every((line) => fields(line) === fields(LATENCY_HEADER)));
      });
    },
  );
}

if (root) {
  systemTest(
    "case 43: on a full disk what is printed ends with a whole line, and is what was counted",
    async (system) => {
      await small(64, async (directory) => {
        await system.broker();
        const stdoutFile = `${directory}/out`;
        const reader = system.start(["subscriber", "-t", "A", "--json", "-m", "3000"], { stdoutFile });
        const flags = ["-t", "A", "-m", "3000", "-s", "0", "--wait-for-subscribers", "1"];
        system.start(["publisher", ...flags]);
        assert.equal(await reader.exit(), 1);
        const text = Deno.readTextFileSync(stdoutFile);
        assert.ok(text.endsWith("\n"), text.slice(-100));
        const printed = text.trimEnd().split("\n").map((line) => JSON.parse(line) as { sequence: number });
        assert.deepEqual(printed.map(({ sequence }) => sequence), printed.map((_, index) => index + 1));
        assert.equal(reader.summary().received, printed.length);
      });
    },
  );
}

systemTest(
  "case 43: a reader whose output fails says no farewell, and has not got what was not written",
  async ({ zookeeper }) => {
    await using broker = new Broker({ zookeeper });
    await broker.start();
    await using publisher = new Publisher({ zookeeper, topics: ["A"], slowSubscriberMs: 500 });
    await publisher.start();
    let written = 0;
    const notes: string[] = [];
    const reading = runSubscriber({
      ...{ zookeeper, topics: ["A"], id: "reader", history: 0, count: 1, format: "raw" as const },
    }, {
      signal: new AbortController().signal,
      out: () => {},
      // deno-lint-ignore require-await
      outBytes: async (lines) => {
        if (written >= 3) throw new Error("No space left on device");
        written += lines.filter((byte) => byte === 10).length;
      },
      note: (line) => notes.push(line),
    });
    let failed = false;
    const ended = assert.rejects(reading, /No space left/).finally(() => failed = true);
    await publisher.joined(10_000, 1);
    let published = 0;
    for (; published < 10 || !failed; published++) {
      await publisher.publish("A", "x");
      // Before what was written last is acknowledged for the time that has passed.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await ended;
    const { missing } = await publisher.drain();
    assert.deepEqual(missing.map(({ subscriber, samples }) => [subscriber, samples]), [[
      "reader",
      published - written,
    ]]);
    assert.ok(notes.at(-1)!.startsWith(`summary received=${written} `), notes.at(-1)!);
  },
);

asRoot(
  "case 43: a line is added whole or not, a file is replaced whole or stays",
  () =>
    small(16, async (directory) => {
      const [lines, file] = [`${directory}/lines`, `${directory}/file`];
      Deno.writeTextFileSync(lines, "");
      await replaceFile(file, "first");
      let added = 0;
      await assert.rejects(async () => {
        for (;; added++) await appendLine(lines, "x".repeat(998));
      }, /No space left/);
      assert.equal(Deno.readTextFileSync(lines), ("x".repeat(998) + "\n").repeat(added));
      await assert.rejects(replaceFile(file, "y".repeat(100_000)), /No space left/);
      assert.equal(Deno.readTextFileSync(file), "first");
      assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name).sort(), ["file", "lines"]);
    }),
);

Deno.test("case 43: a write that fails half way is taken back to the last row, which may hold line feeds", async () => {
  let held = new Uint8Array();
  const file: CsvFile = {
    // deno-lint-ignore require-await
    async write(bytes) {
      const count = Math.min(bytes.length, 300 - held.length);
      if (count === 0) throw new Error("No space left on device");
      held = new Uint8Array([...held, ...bytes.subarray(0, count)]);
      return count;
    },
    // deno-lint-ignore require-await
    async truncate(length) {
      held = held.slice(0, length);
    },
    close: () => {},
  };
  const csv = new LatencyCsv(file, () => {});
  void csv.add(batchOf(["a", "b", "c", "d", "e"], { topic: 'T\n"x"\n' }), 5);
  await csv.close();
  assert.ok(csv.failed);
  const text = new TextDecoder().decode(held);
  assert.ok(text.startsWith(LATENCY_HEADER + "\npub") && held.length < 300);
  assert.equal(wholeRows(held), held.length);
  assert.match(text, /,[01]\n$/);
});
