import assert from "node:assert/strict";
import fc from "fast-check";
import { beginBlock, CorruptFile, finishBlock, readBlocks } from "../../../lib/zookeeper_server/block.ts";
import { JuteWriter } from "../../../lib/zookeeper_server/jute.ts";

function file(payloads: readonly Uint8Array[]): { bytes: Uint8Array; ends: number[] } {
  const out = new JuteWriter();
  const ends = [0];
  for (const payload of payloads) {
    const at = beginBlock(out);
    out.raw(payload);
    finishBlock(out, at);
    ends.push(out.length);
  }
  return { bytes: out.take().slice(), ends };
}

function read(bytes: Uint8Array): { payloads: Uint8Array[]; end: { kind: string; offset?: number } } {
  const payloads: Uint8Array[] = [];
  const blocks = readBlocks(bytes, 0, "f");
  for (let step = blocks.next();; step = blocks.next()) {
    if (step.done) return { payloads, end: step.value };
    payloads.push(bytes.slice(step.value.start, step.value.end));
  }
}

const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 });

Deno.test("A block is its length, the CRC-32 of its payload, that of these eight bytes, the payload and a mark", () => {
  const written = file([new TextEncoder().encode("123456789")]).bytes;
  assert.equal(written.toHex(), "0000000a" + "a678c92e" + "db9ed931" + "313233343536373839" + "a5");
});

Deno.test("Blocks are read back", () => {
  fc.assert(fc.property(payloads, (written) => {
    assert.deepEqual(read(file(written).bytes), { payloads: written, end: { kind: "clean" } });
  }));
});

Deno.test("A file cut off at any byte gives every whole block and where the torn one begins", () => {
  fc.assert(
    fc.property(payloads, (written) => {
      const { bytes, ends } = file(written);
      for (let length = 0; length < bytes.length; length++) {
        const whole = ends.findLastIndex((end) => end <= length);
        const { payloads, end } = read(bytes.slice(0, length));
        assert.deepEqual(payloads, written.slice(0, whole));
        assert.deepEqual(
          end,
          ends[whole] === length ? { kind: "clean" } : { kind: "torn", offset: ends[whole] },
        );
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("A last write whose end reads as zeros is torn, not damaged", () => {
  const { bytes, ends } = file([new Uint8Array(10).fill(7), new Uint8Array(1500).fill(9)]);
  for (const lost of [bytes.length - 1, 1024, 512, ends[1]!]) {
    const torn = bytes.slice();
    torn.fill(0, lost);
    assert.deepEqual(read(torn).end, { kind: "torn", offset: ends[1] });
  }
  const extended = new Uint8Array(4096);
  extended.set(bytes);
  assert.deepEqual(read(extended).end, { kind: "torn", offset: bytes.length });
});

Deno.test("Any flipped bit anywhere is found, and the file and the block's offset are named", () => {
  fc.assert(
    fc.property(payloads, fc.nat(), fc.nat(7), (written, where, bit) => {
      const { bytes, ends } = file(written);
      const at = where % bytes.length;
      const begin = ends.findLast((end) => end <= at)!;
      bytes[at]! ^= 1 << bit;
      assert.throws(() => read(bytes), (error) => {
        assert.ok(error instanceof CorruptFile);
        assert.equal(error.offset, begin);
        assert.match(error.message, new RegExp(`^f: damaged at offset ${begin} `));
        return true;
      });
    }),
    { numRuns: 1000 },
  );
});

Deno.test("Any bytes are blocks, a torn end or damage", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      read(bytes);
    } catch (error) {
      assert.ok(error instanceof CorruptFile);
    }
  }));
});
