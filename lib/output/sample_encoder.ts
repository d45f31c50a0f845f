/**
 * A delivered sample as bytes on standard output: a readable line, a JSON object, or the payload itself. Pure.
 *
 * Guarantee: one sample is one line in the readable and the JSON form, whatever its payload holds: no byte of a
 * payload reaches a terminal as a control character. `raw` is the payload and a line feed, byte for byte.
 */
import type { ByteBuffer } from "../base/byte_buffer.ts";
import { printable } from "../base/printable.ts";
import { utf8 } from "../base/utf8.ts";

/** What an encoder needs of a batch: consecutive samples of one stream that came together. */
export interface EncodableBatch {
  readonly topic: string;
  readonly publisher: string;
  readonly epoch: bigint;
  readonly historical: boolean;
  /** Milliseconds since the epoch. */
  readonly receiveTime: number;
  /** By how many milliseconds the publisher's clock is behind its broker's; 0 if they agree. */
  readonly clockOffset: number;
  readonly firstSequence: number;
  readonly count: number;
  /** Holds the payloads. */
  readonly bytes: Uint8Array;
  /** Every sample: publish time in milliseconds since the epoch, where its payload is in `bytes`, its number. */
  forEach(visit: (publishTime: number, start: number, end: number, sequence: number) => void): void;
}

/** Appends the first `count` samples of `batch`, received by `subscriber`, to `to`. */
export type SampleEncoder = (
  batch: EncodableBatch,
  count: number,
  to: ByteBuffer,
  subscriber: string,
) => void;

/** The forms that `pubsub subscriber` can write. */
export type OutputFormat = "text" | "json" | "raw" | "quiet";

/** The encoder of a format; none for `quiet`. */
export function sampleEncoder(format: OutputFormat): SampleEncoder | undefined {
  switch (format) {
    case "text":
      return encodeText;
    case "json":
      return encodeJson;
    case "raw":
      return encodeRaw;
    case "quiet":
      return undefined;
  }
}

const LINE_FEED = 10;
const QUOTE = 34;
const BACKSLASH = 92;

function encodeRaw(batch: EncodableBatch, count: number, to: ByteBuffer): void {
  const { bytes, firstSequence } = batch;
  batch.forEach((_time, start, end, sequence) => {
    if (sequence - firstSequence >= count) return;
    to.bytes(bytes.subarray(start, end));
    to.byte(LINE_FEED);
  });
}

function encodeText(batch: EncodableBatch, count: number, to: ByteBuffer): void {
  const { bytes, firstSequence, historical, receiveTime } = batch;
  const topic = printable(batch.topic);
  const publisher = printable(batch.publisher);
  batch.forEach((publishTime, start, end, sequence) => {
    if (sequence - firstSequence >= count) return;
    const age = historical ? "history" : `${(receiveTime - publishTime).toFixed(2)} ms`;
    to.text(`${topic} #${sequence} ${publisher} (${age}) `);
    const payload = bytes.subarray(start, end);
    if (isPlain(payload)) to.bytes(payload);
    else to.text(readablePayload(payload));
    to.byte(LINE_FEED);
  });
}

function encodeJson(batch: EncodableBatch, count: number, to: ByteBuffer, subscriber: string): void {
  const { bytes, epoch, firstSequence, historical, receiveTime } = batch;
  const stream = `{"subscriber":${JSON.stringify(subscriber)},"topic":${
    JSON.stringify(batch.topic)
  },"publisher":${JSON.stringify(batch.publisher)},"sequence":`;
  batch.forEach((publishTime, start, end, sequence) => {
    if (sequence - firstSequence >= count) return;
    to.text(
      `${stream}${sequence},"epoch":${epoch},"publish_time":${decimal(publishTime)},` +
        `"latency_ms":${decimal(receiveTime - publishTime)},"historical":${historical},`,
    );
    encodeJsonPayload(bytes.subarray(start, end), to);
  });
}

function encodeJsonPayload(payload: Uint8Array, to: ByteBuffer): void {
  if (isPlain(payload)) {
    to.text('"payload":"');
    to.bytes(payload);
    to.text('"}\n');
    return;
  }
  const text = utf8(payload);
  to.text(
    text === undefined
      ? `"payload_base64":"${payload.toBase64()}"}\n`
      : `"payload":${JSON.stringify(text)}}\n`,
  );
}

/** A number that JSON can hold, with microseconds. */
function decimal(milliseconds: number): string {
  return Number.isFinite(milliseconds) ? milliseconds.toFixed(3) : "null";
}

/** Whether every byte is printable ASCII that needs no escape in JSON: the common case, copied as it is. */
function isPlain(payload: Uint8Array): boolean {
  for (let i = 0; i < payload.length; i++) {
    const byte = payload[i]!;
    if (byte < 32 || byte > 126 || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}

function readablePayload(payload: Uint8Array): string {
  const text = utf8(payload);
  if (text !== undefined) return printable(text, Infinity);
  const shown = payload.subarray(0, 32).toHex();
  return `<${payload.length} bytes: ${shown}${payload.length > 32 ? "..." : ""}>`;
}
