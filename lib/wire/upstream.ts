/**
 * What a subscriber tells a publisher on the data path, against the stream of samples: requests for numbered
 * samples, acknowledgements, and that it leaves. Plain messages sent by an XSUB socket; a broker's forwarder
 * passes them to every publisher, so the addressee's id stands first and others stop reading there.
 *
 * ```
 * mark        u8  2 (0 and 1 are ZeroMQ's own subscriptions)
 * kind        u8  "Q" request, "A" acknowledgement, "B" bye
 * publisher NUL topic NUL subscriber NUL
 * incarnation u32 of the stream as the subscriber knows it
 * life        u32 of the subscriber: the incarnation in its record, which its broker tells the publisher
 * Q: request u32, from u64 (0: join with history), to u64 (0: all there is; when joining: the first live number that
 *    the subscriber has already, which ends its history), depth u32, flags u8 (1 reliable)
 * A: delivered up to and including u64, and how many of these numbers the subscriber has given up, lost or fenced, since
 *    it joined: u64
 * Q and A end with the credit: bytes u32 and messages u16 that the publisher may have under way to this subscriber over
 *    all of its topics
 * ```
 *
 * Numbers are big-endian. Decoding never throws.
 */
import { FormatError } from "../base/errors.ts";
import { isId } from "../base/names.ts";
import { latin1 } from "./key.ts";

const encoder = new TextEncoder();
// Without ignoreBOM a topic that begins with U+FEFF would lose it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const MARK = 2;
const REQUEST = 0x51;
const ACKNOWLEDGE = 0x41;
const BYE = 0x42;
const HIGH = 2 ** 32;
const MAX_SEQUENCE_HIGH = 0x1fffff;
const LONGEST_MESSAGE = 512;
const CREDIT_BYTES = 6;
const BYTES_AFTER_NAMES = new Map([[REQUEST, 33 + CREDIT_BYTES], [ACKNOWLEDGE, 24 + CREDIT_BYTES], [BYE, 8]]);
/**
 * A peer that sends a bigger frame towards publishers is disconnected: by a broker, and further up only what no
 * broker passes on, so that a broker is never cut off for what a subscriber sent.
 */
export const MAX_UPSTREAM_AT_BROKER = 512;
export const MAX_UPSTREAM_AT_PUBLISHER = 1024;

/** An amount of what is under way, or may be. */
export interface Share {
  readonly bytes: number;
  readonly messages: number;
}

/** Who says something about which stream. */
export interface Address {
  publisher: string;
  topic: string;
  subscriber: string;
  incarnation: number;
  /** The subscriber's own incarnation: tells it from others who use its name, and from the one before. */
  life: number;
}

/** Numbers that a subscriber wants to get on its replay key. */
export interface ReplayRequest {
  /** Chosen by the subscriber; the answer carries it. */
  request: number;
  /** First number wanted; 0 joins the stream with `depth` samples of history. */
  from: number;
  /**
   * Last number wanted; 0 for all there is. With `from` 0: the first live number that has come already, so that
   * nothing is missing between the history and what came while the answer was on its way; 0 when none has.
   */
  to: number;
  /** With `from` 0: how many samples back. */
  depth: number;
  /** Whether this subscriber repairs gaps and acknowledges. */
  reliable: boolean;
}

/** A message from a subscriber to a publisher. */
export type Upstream =
  | (Address & ReplayRequest & { kind: "request"; credit: Share })
  | (Address & { kind: "acknowledge"; delivered: number; givenUp: number; credit: Share })
  | (Address & { kind: "bye" });

/** Where messages are written before they get memory of their own, which is what takes time. */
const draft = new Uint8Array(LONGEST_MESSAGE);
const draftNames = draft.subarray(2);
const view = new DataView(draft.buffer);

/** Begin the draft. @returns where its numbers go on. */
function start(kind: number, { publisher, topic, subscriber, incarnation, life }: Address): number {
  draft[0] = MARK;
  draft[1] = kind;
  const at = 2 + encoder.encodeInto(`${publisher}\0${topic}\0${subscriber}\0`, draftNames).written;
  view.setUint32(at, incarnation);
  view.setUint32(at + 4, life);
  return at + 8;
}

function writeSequence(at: number, value: number): void {
  view.setUint32(at, Math.floor(value / HIGH));
  view.setUint32(at + 4, value >>> 0);
}

/** End the draft with the credit. */
function endWithCredit(at: number, { bytes, messages }: Share): Uint8Array {
  view.setUint32(at, Math.min(bytes, 0xffffffff));
  view.setUint16(at + 4, Math.min(messages, 0xffff));
  return draft.slice(0, at + CREDIT_BYTES);
}

/** Encode one message to a publisher. */
export function encodeUpstream(message: Upstream): Uint8Array {
  switch (message.kind) {
    case "request": {
      const at = start(REQUEST, message);
      view.setUint32(at, message.request);
      writeSequence(at + 4, message.from);
      writeSequence(at + 12, message.to);
      view.setUint32(at + 20, message.depth);
      draft[at + 24] = message.reliable ? 1 : 0;
      return endWithCredit(at + 25, message.credit);
    }
    case "acknowledge": {
      const at = start(ACKNOWLEDGE, message);
      writeSequence(at, message.delivered);
      writeSequence(at + 8, message.givenUp);
      return endWithCredit(at + 16, message.credit);
    }
    case "bye":
      return draft.slice(0, start(BYE, message));
  }
}

/**
 * Whether `bytes` is an upstream message for `publisher` (its id as bytes): all that a publisher reads of what
 * is meant for others.
 */
export function isUpstreamFor(bytes: Uint8Array, publisher: Uint8Array): boolean {
  if (bytes.length > LONGEST_MESSAGE || bytes.length < publisher.length + 3 || bytes[0] !== MARK) {
    return false;
  }
  for (let i = 0; i < publisher.length; i++) if (bytes[i + 2] !== publisher[i]) return false;
  return bytes[publisher.length + 2] === 0;
}

/** A name, of UTF-8. @throws {TypeError} when it is none. */
function nameOf(bytes: Uint8Array, from: number, to: number): string {
  let all = 0;
  for (let index = from; index < to; index++) all |= bytes[index]!;
  // Most are of ASCII alone, which a decoder takes twice as long for.
  return all < 0x80 ? latin1(bytes, from, to) : decoder.decode(bytes.subarray(from, to));
}

/** Read one message to a publisher. @returns the message, or the reason why these bytes are none. */
export function decodeUpstream(bytes: Uint8Array): Upstream | FormatError {
  if (bytes[0] !== MARK || bytes.length > LONGEST_MESSAGE) return new FormatError("Not an upstream message");
  const names: string[] = [];
  let at = 2;
  while (names.length < 3) {
    const end = bytes.indexOf(0, at);
    if (end < 0) return new FormatError("Upstream message ends inside its names");
    try {
      names.push(nameOf(bytes, at, end));
    } catch {
      return new FormatError("Upstream message has a name that is not UTF-8");
    }
    at = end + 1;
  }
  const rest = bytes.length - at;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sequence = (offset: number) => {
    const high = view.getUint32(offset);
    return high > MAX_SEQUENCE_HIGH ? Number.NaN : high * HIGH + view.getUint32(offset + 4);
  };
  const [publisher, topic, subscriber] = names as [string, string, string];
  if (!isId(publisher) || !isId(subscriber)) return new FormatError("Upstream message has an invalid id");
  const wanted = BYTES_AFTER_NAMES.get(bytes[1]!);
  if (wanted === undefined) return new FormatError(`Upstream message has unknown kind ${bytes[1]}`);
  if (rest !== wanted) {
    return new FormatError(`Upstream message has ${rest} bytes after its names, must be ${wanted}`);
  }
  const incarnation = view.getUint32(at);
  const address = { publisher, topic, subscriber, incarnation, life: view.getUint32(at + 4) };
  at += 8;
  if (bytes[1] === BYE) return { kind: "bye", ...address };
  const creditAt = bytes.length - CREDIT_BYTES;
  const credit = { bytes: view.getUint32(creditAt), messages: view.getUint16(creditAt + 4) };
  if (bytes[1] === ACKNOWLEDGE) {
    const delivered = sequence(at);
    const givenUp = sequence(at + 8);
    if (Number.isNaN(delivered) || Number.isNaN(givenUp)) {
      return new FormatError("Acknowledgement above 2^53 - 1");
    }
    return { kind: "acknowledge", ...address, delivered, givenUp, credit };
  }
  const from = sequence(at + 4);
  const to = sequence(at + 12);
  if (Number.isNaN(from) || Number.isNaN(to)) return new FormatError("Request for a number above 2^53 - 1");
  return {
    kind: "request",
    ...address,
    request: view.getUint32(at),
    from,
    to,
    depth: view.getUint32(at + 20),
    reliable: (bytes[at + 24]! & 1) === 1,
    credit,
  };
}
