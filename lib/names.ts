/** The rules for names that users choose: client and broker ids, topics, zones. Pure. */
import { UsageError } from "./errors.ts";

const ID = /^[A-Za-z0-9._-]{1,64}$/;
const encoder = new TextEncoder();

/**
 * An id of a client or broker: 1 to 64 of letters, digits, `.`, `_`, `-`.
 *
 * @throws {UsageError} naming the value and the rule.
 */
export function checkId(id: string): string {
  // "." and ".." are legal by the pattern but not as the last part of a znode's path.
  if (!ID.test(id) || id === "." || id === "..") {
    throw new UsageError(
      `Invalid id ${
        JSON.stringify(id)
      }: must be 1 to 64 characters out of A-Z a-z 0-9 . _ -, not "." or ".."`,
    );
  }
  return id;
}

/**
 * A topic: 1 to 255 bytes of UTF-8 without NUL, matched exactly.
 *
 * @throws {UsageError} naming the value and the rule.
 */
export function checkTopic(topic: string): string {
  const bytes = encoder.encode(topic).length;
  if (bytes < 1 || bytes > 255 || topic.includes("\0") || !topic.isWellFormed()) {
    const shown = topic.length > 40 ? `${topic.slice(0, 40)}… (${bytes} bytes)` : topic;
    throw new UsageError(
      `Invalid topic ${JSON.stringify(shown)}: must be 1 to 255 bytes of UTF-8 without NUL`,
    );
  }
  return topic;
}

/** A zone: a positive integer. @throws {UsageError} naming the value and the rule. */
export function checkZone(zone: number): number {
  if (!Number.isSafeInteger(zone) || zone < 1) {
    throw new UsageError(`Invalid zone ${zone}: must be a positive integer`);
  }
  return zone;
}

/** A fresh id such as `pub-3f9c2a71`. */
export function randomId(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return `${prefix}-${bytes.toHex()}`;
}

/** A fresh incarnation: a random u32 above 0 that makes a restarted publisher a new stream. */
export function randomIncarnation(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! || 1;
}
