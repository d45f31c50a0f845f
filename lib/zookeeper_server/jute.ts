/**
 * Reading and writing jute, ZooKeeper's wire encoding: big-endian integers, length-prefixed buffers and strings.
 *
 * Guarantee: a reader is total. Whatever the bytes, it returns a value or throws {@link Malformed}; it never
 * reads past its end and never allocates more than the input holds. Longs are numbers: exact up to 2^53, which
 * covers every zxid, session id and time this server hands out; larger ones from a client lose low bits and so
 * match nothing.
 */
import { Buffer } from "node:buffer";

/** The bytes do not follow the encoding. */
export class Malformed extends Error {
  override name = "Malformed";
}

/** What Deno's Buffer has, but its types do not tell: much the fastest way from ASCII bytes to a string. */
interface Latin1 {
  latin1Slice(start: number, end: number): string;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();
const TWO_32 = 4294967296;
const EMPTY = new Uint8Array(0);

/** A cursor over `bytes[position, end)`. Reusable: {@link JuteReader.reset}. */
export class JuteReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #buffer: Latin1 = Buffer.alloc(0) as unknown as Latin1;
  position = 0;
  end = 0;

  constructor(bytes?: Uint8Array) {
    if (bytes !== undefined) this.reset(bytes, 0, bytes.length);
  }

  /** Read `bytes[start, end)` from now on. Nothing is copied. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as unknown as Latin1;
    }
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  #advance(count: number): number {
    const at = this.position;
    if (count > this.end - at) throw new Malformed(`${count} bytes wanted, ${this.end - at} left`);
    this.position = at + count;
    return at;
  }

  bool(): boolean {
    return this.#bytes[this.#advance(1)] !== 0;
  }

  byte(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  int(): number {
    const at = this.#advance(4);
    const b = this.#bytes;
    return (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!;
  }

  long(): number {
    const high = this.int();
    return high * TWO_32 + (this.int() >>> 0);
  }

  /** A view of the bytes of a buffer, valid until the input is reused; null when its length is negative. */
  view(): Uint8Array | null {
    const length = this.int();
    if (length < 0) return null;
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** `length` bytes as a view, valid until the input is reused. */
  raw(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A string; null when its length is negative. What is not UTF-8 becomes U+FFFD. */
  string(): string | null {
    const length = this.int();
    if (length < 0) return null;
    const start = this.#advance(length);
    const end = start + length;
    const b = this.#bytes;
    for (let i = start; i < end; i++) {
      if (b[i]! > 127) return decoder.decode(b.subarray(start, end));
    }
    return this.#buffer.latin1Slice(start, end);
  }

  /** The item count of a vector whose items take at least `itemBytes` each; a null vector counts none. */
  count(itemBytes: number): number {
    const count = this.int();
    if (count < 0) return 0;
    if (count * itemBytes > this.remaining) {
      throw new Malformed(`a vector of ${count} in ${this.remaining} bytes`);
    }
    return count;
  }

  /** A vector of strings. Null strings are malformed: no operation takes them. */
  strings(): string[] {
    const count = this.count(4);
    const strings: string[] = [];
    for (let i = 0; i < count; i++) {
      const value = this.string();
      if (value === null) throw new Malformed("a null string in a vector");
      strings.push(value);
    }
    return strings;
  }
}

/** A growing byte buffer that is written at its end. */
export class JuteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Make room for `count` more bytes. */
  reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted <= this.bytes.length) return;
    let capacity = Math.max(256, this.bytes.length * 2);
    while (capacity < wanted) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** Take everything written so far; the writer is empty afterwards and keeps no hold of the bytes. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = EMPTY;
    this.length = 0;
    return taken;
  }

  bool(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  int(value: number): void {
    this.reserve(4);
    this.intAt(this.length, value);
    this.length += 4;
  }

  /** Overwrite four bytes at `at`, e.g. a length that is known only now. */
  intAt(at: number, value: number): void {
    const b = this.bytes;
    b[at] = value >>> 24;
    b[at + 1] = value >>> 16;
    b[at + 2] = value >>> 8;
    b[at + 3] = value;
  }

  long(value: number): void {
    const high = Math.floor(value / TWO_32);
    this.int(high);
    this.int(value - high * TWO_32);
  }

  /** A length-prefixed buffer; null is length -1. */
  buffer(value: Uint8Array | null): void {
    if (value === null) return this.int(-1);
    this.int(value.length);
    this.raw(value);
  }

  /** Bytes without a length. */
  raw(value: Uint8Array): void {
    const length = value.length;
    this.reserve(length);
    if (length < 32) {
      const b = this.bytes;
      const at = this.length;
      for (let i = 0; i < length; i++) b[at + i] = value[i]!;
    } else {
      this.bytes.set(value, this.length);
    }
    this.length += length;
  }

  /** A length-prefixed string in UTF-8. */
  string(value: string): void {
    const length = value.length;
    this.reserve(4 + length * 3);
    const b = this.bytes;
    const at = this.length + 4;
    if (length < 64) {
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) break;
        b[at + i] = code;
      }
      if (i === length) {
        this.intAt(this.length, length);
        this.length = at + length;
        return;
      }
    }
    const written = encoder.encodeInto(value, b.subarray(at)).written;
    this.intAt(this.length, written);
    this.length = at + written;
  }

  strings(values: Iterable<string>): void {
    const at = this.length;
    this.int(0);
    let count = 0;
    for (const value of values) {
      this.string(value);
      count++;
    }
    this.intAt(at, count);
  }
}
