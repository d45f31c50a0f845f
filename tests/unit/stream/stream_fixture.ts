/** Batches of one stream made by hand, as they come out of the decoder. */
import { FormatError } from "../../../lib/base/errors.ts";
import { decodeBatch, Flag, type SampleBatch } from "../../../lib/wire/batch.ts";
import { BatchBuilder, encodeMark } from "../../../lib/wire/batch_builder.ts";
import { keyLength, liveKey } from "../../../lib/wire/key.ts";

export const NAME = { topic: "A", publisher: "p" };
export const INCARNATION = 7;
const key = liveKey(NAME.topic, NAME.publisher);

/** What can be chosen of a message. */
export interface Fields {
  flags?: number;
  incarnation?: number;
  epoch?: bigint;
  request?: number;
  /** Bytes of each payload beyond its number. */
  size?: number;
}

function decoded(bytes: Uint8Array): SampleBatch {
  const batch = decodeBatch(bytes, keyLength(bytes), NAME);
  if (batch instanceof FormatError) throw batch;
  return batch;
}

/** Samples `first` … `last`; each payload is its number as text. */
export function samples(first: number, last: number, fields: Fields = {}): SampleBatch {
  const { incarnation = INCARNATION, epoch = 0n, size = 0, ...rest } = fields;
  const builder = new BatchBuilder(key);
  for (let n = first; n <= last; n++) builder.add(n, String(n).padEnd(size, " "));
  return decoded(builder.finish({ incarnation, epoch, first, ...rest }));
}

/** A mark: the next number is `next`. */
export function mark(next: number, fields: Fields = {}): SampleBatch {
  const { incarnation = INCARNATION, epoch = 0n, flags = 0 } = fields;
  return decoded(encodeMark(key, { incarnation, epoch, first: next, flags }));
}

/** The end of the answer to `request`, which began with number `start`; `next` is the next live number. */
export function end(
  request: number,
  start: number,
  next: number,
  acknowledgeEvery = 0,
  epoch = 0n,
): SampleBatch {
  const header = { incarnation: INCARNATION, epoch, first: next, request };
  const batch = decoded(encodeMark(key, header, { start, acknowledgeEvery }));
  if (!(batch.flags & Flag.END)) throw new Error("not an end mark");
  return batch;
}
