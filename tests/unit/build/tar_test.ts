import assert from "node:assert/strict";
import fc from "fast-check";
import { tarOf } from "../../../scripts/build/tar.ts";

/** Reads an archive back, by the format's own rules: the checksum, octal sizes, two empty blocks at the end. */
function read(archive: Uint8Array): { name: string; data: number[]; mode: number }[] {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
  const found = [];
  let at = 0;
  while (archive[at] !== 0) {
    const header = archive.slice(at, at + 512);
    const sum = parseInt(text(header.subarray(148, 156)), 8);
    header.fill(32, 148, 156);
    assert.equal(header.reduce((total, byte) => total + byte, 0), sum);
    const size = parseInt(text(header.subarray(124, 136)), 8);
    const prefix = text(header.subarray(345, 500));
    found.push({
      name: (prefix === "" ? "" : prefix + "/") + text(header.subarray(0, 100)),
      data: [...archive.subarray(at + 512, at + 512 + size)],
      mode: parseInt(text(header.subarray(100, 108)), 8),
    });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  assert.equal(archive.length - at, 1024);
  assert.ok(archive.subarray(at).every((byte) => byte === 0));
  return found;
}

Deno.test("what goes into an archive comes out of it", () => {
  const part = fc.stringMatching(/^[a-zA-Z0-9._-]{1,60}$/);
  const entry = fc.record({
    name: fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
    data: fc.uint8Array({ maxLength: 1500 }),
    executable: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
    const expected = entries.map(({ name, data, executable }) => (
      { name, data: [...data], mode: executable ? 0o755 : 0o644 }
    ));
    assert.deepEqual(read(tarOf(entries)), expected);
  }));
});

Deno.test("a name that does not fit is refused, not cut", () => {
  const data = new Uint8Array();
  assert.throws(() => tarOf([{ name: "x".repeat(101), data, executable: false }]), /too long/);
});
