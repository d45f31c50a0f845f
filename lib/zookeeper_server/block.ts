/**
 * Blocks: how records lie in log and snapshot files, so that a torn write and a damaged byte can be told apart.
 *
 * Layout: length of what follows the header (u32), CRC-32 of that, CRC-32 of those eight bytes; then the payload
 * and one byte 0xa5. The second checksum makes the length trustworthy: a length that reaches beyond the file is
 * then a write that was cut off, never a damaged length that would make everything after it disappear. The last
 * byte tells a complete block from one whose end was never written and reads as zeros.
 *
 * Pure: bytes in, blocks out.
 */
import { crc32 } from "node:zlib";
import { PubsubError } from "../base/errors.ts";
import type { JuteWriter } from "./jute.ts";

const HEADER_BYTES = 12;
const END_MARK = 0xa5;
/** Storage loses or keeps this many bytes at once. */
const SECTOR_BYTES = 512;

/** A file holds what was never written: `file` and `offset` say where. */
export class CorruptFile extends PubsubError {
  override name = "CorruptFile";
  constructor(readonly file: string, readonly offset: number, readonly what: string, remedy?: string) {
    super(
      `${file}: damaged at offset ${offset} (${what}); ${
        remedy ?? "restore it from a copy, or start with an empty data directory"
      }`,
    );
  }
}

/** Begin a block; returns what {@link finishBlock} needs. */
export function beginBlock(out: JuteWriter): number {
  const at = out.length;
  out.reserve(HEADER_BYTES);
  out.length = at + HEADER_BYTES;
  return at;
}

/** Complete the block that began at `at`. */
export function finishBlock(out: JuteWriter, at: number): void {
  const start = at + HEADER_BYTES;
  out.byte(END_MARK);
  out.intAt(at, out.length - start);
  out.intAt(at + 4, crc32(out.bytes.subarray(start, out.length)));
  out.intAt(at + 8, crc32(out.bytes.subarray(at, at + 8)));
}

/** One block of a file: its payload is `bytes[start, end)`; it begins at `offset`. */
export interface Block {
  readonly offset: number;
  readonly start: number;
  readonly end: number;
}

/** Where a file ends cleanly, or where its last write was cut off. */
export type FileEnd = { readonly kind: "clean" } | { readonly kind: "torn"; readonly offset: number };

function uint(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function zerosToTheEnd(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Whether the header at `offset` was never written, wholly or from a sector's beginning on. */
function headerWasLost(bytes: Uint8Array, offset: number): boolean {
  const sector = Math.ceil(offset / SECTOR_BYTES) * SECTOR_BYTES;
  return zerosToTheEnd(bytes, sector < offset + HEADER_BYTES ? sector : offset);
}

/**
 * The blocks of `bytes` from `from` on. A write that was cut off is a block that reaches beyond the file, or one
 * whose end is zeros up to the file's end (the file system extended the file, but lost power before the data).
 * Everything else that does not fit its checksum is damage.
 *
 * @throws CorruptFile naming `file` and the offset
 */
export function* readBlocks(
  bytes: Uint8Array,
  from: number,
  file: string,
  remedy?: string,
): Generator<Block, FileEnd> {
  let offset = from;
  while (offset < bytes.length) {
    const start = offset + HEADER_BYTES;
    if (start > bytes.length) return { kind: "torn", offset };
    if (crc32(bytes.subarray(offset, offset + 8)) !== uint(bytes, offset + 8)) {
      if (headerWasLost(bytes, offset)) return { kind: "torn", offset };
      throw new CorruptFile(file, offset, "the header of a record does not fit its checksum", remedy);
    }
    const end = start + uint(bytes, offset);
    if (end > bytes.length) return { kind: "torn", offset };
    if (crc32(bytes.subarray(start, end)) !== uint(bytes, offset + 4)) {
      if (zerosToTheEnd(bytes, end - 1)) return { kind: "torn", offset };
      throw new CorruptFile(
        file,
        offset,
        "a record does not fit its checksum",
        end === bytes.length
          ? `if a power failure interrupted this very write, cut it off with: truncate -s ${offset} ${file}`
          : remedy,
      );
    }
    yield { offset, start, end: end - 1 };
    offset = end;
  }
  return { kind: "clean" };
}
