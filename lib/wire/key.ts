/**
 * Keys: the first bytes of every message on the data plane, and what subscriptions match (by prefix).
 *
 * ```
 * live    topic NUL publisher NUL "L"                      every sample of a stream, once
 * replay  topic NUL publisher NUL "R" subscriber NUL       what one subscriber asked for again
 * ```
 *
 * Topics and ids contain no NUL, so no key is a prefix of another stream's key: topic `A` never matches `AB`.
 */
const encoder = new TextEncoder();
const NUL = 0;
const LIVE = 0x4c; // "L"
const REPLAY = 0x52; // "R"
/** 255 bytes of topic, 64 of publisher, 64 of subscriber and their marks: no key is longer. */
const LONGEST_KEY = 255 + 1 + 64 + 1 + 1 + 64 + 1;

/** The key that every live sample of a stream travels on. */
export function liveKey(topic: string, publisher: string): Uint8Array {
  return encoder.encode(`${topic}\0${publisher}\0L`);
}

/** The key on which `publisher` answers requests of `subscriber`. */
export function replayKey(topic: string, publisher: string, subscriber: string): Uint8Array {
  return encoder.encode(`${topic}\0${publisher}\0R${subscriber}\0`);
}

/** The number of bytes of the key that `message` begins with, 0 when it begins with none. */
export function keyLength(message: Uint8Array): number {
  const end = Math.min(message.length, LONGEST_KEY);
  let nuls = 0;
  for (let i = 0; i < end; i++) {
    if (message[i] !== NUL) continue;
    if (++nuls === 2) {
      const kind = message[i + 1];
      if (kind === LIVE) return i + 2;
      if (kind !== REPLAY) return 0;
    } else if (nuls === 3) {
      return i + 1;
    }
  }
  return 0;
}

/** What the keys of one stream have in common, `topic NUL publisher NUL`, as text to look it up by (Latin-1). */
export function streamPrefix(message: Uint8Array): string {
  const first = message.indexOf(NUL);
  const second = first < 0 ? -1 : message.indexOf(NUL, first + 1);
  return second < 0 || second > LONGEST_KEY ? "" : latin1(message, 0, second + 1);
}

/** Bytes as the characters of these numbers. At most some thousand of them. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  // Four times as fast as to spread them.
  return String.fromCharCode.apply(null, bytes.subarray(from, to) as unknown as number[]);
}

/** Whether `message` begins with `key`. */
export function hasKey(message: Uint8Array, key: Uint8Array): boolean {
  if (message.length < key.length) return false;
  // From the end: keys of one subscriber differ at the end more often than at the start.
  for (let i = key.length - 1; i >= 0; i--) if (message[i] !== key[i]) return false;
  return true;
}

/** A subscription (or its withdrawal) as an XSUB socket sends it. */
export function subscription(key: Uint8Array, subscribe: boolean): Uint8Array {
  const frame = new Uint8Array(key.length + 1);
  frame[0] = subscribe ? 1 : 0;
  frame.set(key, 1);
  return frame;
}
