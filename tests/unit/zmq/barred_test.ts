import assert from "node:assert/strict";
import fc from "fast-check";
import { Barred, dropFilter, MAX_BARRED, sourceOf } from "../../../lib/zmq/barred.ts";

Deno.test("who is barred is let in after ten seconds, the next time after twenty, at last after a minute", () => {
  const barred = new Barred();
  let now = 0;
  for (const lasts of [10_000, 20_000, 40_000, 60_000, 60_000]) {
    assert.equal(barred.add("192.0.2.7", now), lasts);
    assert.equal(barred.add("192.0.2.7", now + lasts - 1), 0, "it is already");
    assert.deepEqual(barred.at(now + lasts - 1), ["192.0.2.7"]);
    assert.deepEqual(barred.at(now + lasts), []);
    now += lasts + 59_999;
  }
  assert.equal(barred.add("192.0.2.7", now + 1), 10_000, "forgiven after a minute");
});

Deno.test("no more than so many are barred, and the first ones are let in before", () => {
  const barred = new Barred();
  for (let i = 0; i < MAX_BARRED + 10; i++) barred.add(`192.0.2.${i}`, i);
  const left = barred.at(100);
  assert.equal(left.length, MAX_BARRED);
  assert.ok(!left.includes("192.0.2.9") && left.includes("192.0.2.10"));
});

/** Whether a packet passes a filter, as the system runs it. */
function passes(filter: Uint8Array, packet: Uint8Array): boolean {
  const view = new DataView(filter.buffer);
  const bytes = new DataView(packet.buffer, packet.byteOffset);
  let accumulator = 0;
  for (let at = 0;; at++) {
    const code = view.getUint16(at * 8, true);
    const value = view.getUint32(at * 8 + 4, true);
    if (code === 0x20) accumulator = bytes.getUint32(value - 0xfff00000);
    else if (code === 0x30) accumulator = bytes.getUint8(value - 0xfff00000);
    else if (code === 0x74) accumulator >>>= value;
    else if (code === 0x05) at += value;
    else if (code === 0x15) at += view.getUint8(at * 8 + (accumulator === value ? 2 : 3));
    else if (code === 0x06) return value !== 0;
    else assert.fail(`instruction ${code}`);
  }
}

const byte = fc.integer({ min: 0, max: 255 });
// Few values, so that addresses have words in common.
const group = fc.constantFrom("0", "1", "2001", "db8", "ffff");
const four = fc.tuple(byte, fc.integer({ min: 0, max: 3 }), byte, fc.integer({ min: 0, max: 3 }))
  .map((bytes) => bytes.join("."));
const six = fc.array(group, { minLength: 4, maxLength: 4 }).map((groups) => groups.join(":"));
const address = fc.oneof(four, six);

/** The beginning of a packet from this address. */
function packetFrom(address: string): Uint8Array {
  const packet = new Uint8Array(40);
  if (address.includes(".")) {
    packet[0] = 0x45;
    packet.set(address.split(".").map(Number), 12);
  } else {
    packet[0] = 0x60;
    const view = new DataView(packet.buffer);
    for (const [i, group] of address.split(":").entries()) view.setUint16(8 + 2 * i, parseInt(group, 16));
  }
  return packet;
}

Deno.test("the filter drops what comes from those addresses, and nothing else", () => {
  fc.assert(fc.property(fc.uniqueArray(address, { maxLength: MAX_BARRED }), address, (listed, other) => {
    const filter = dropFilter(listed);
    for (const one of listed) assert.ok(!passes(filter, packetFrom(one)), one);
    assert.equal(passes(filter, packetFrom(other)), !listed.includes(other));
  }));
});

Deno.test("a peer is taken for its address, one of IPv6 for its network", () => {
  assert.equal(sourceOf("192.0.2.7:40112"), "192.0.2.7");
  assert.equal(sourceOf("[2001:db8:0:1:2:3:4:5]:40112"), "2001:db8:0:1");
  assert.equal(sourceOf("[0:0:0:0:0:ffff:c000:207]:40112"), "192.0.2.7");
});
