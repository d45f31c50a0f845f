/** The rules for names that users choose: client and broker ids, topics, zones. Pure. */
import { UsageError } from "./errors.ts";
import { shown } from "./option_rules.ts";

const ID = /^[A-Za-z0-9._-]{1,64}$/;
/** Bytes of a topic's name. */
const LONGEST_TOPIC = 255;
const encoder = new TextEncoder();

/** Whether `id` follows the rule of {@link checkId}. */
export function isId(id: string): boolean {
  // "." and ".." are legal by the pattern but not as the last part of a znode's path.
  return ID.test(id) && id !== "." && id !== "..";
}

/** Whether `topic` follows the rule of {@link checkTopic}. */
export function isTopic(topic: string): boolean {
  // Every UTF-16 unit is one to three bytes: most topics need not be encoded to be measured.
  if (topic.length < 1 || topic.length > LONGEST_TOPIC || topic.includes("\0") || !topic.isWellFormed()) {
    return false;
  }
  return topic.length <= LONGEST_TOPIC / 3 || encoder.encode(topic).length <= LONGEST_TOPIC;
}

/**
 * An id of a client or broker: 1 to 64 of letters, digits, `.`, `_`, `-`.
 *
 * @throws {UsageError} naming the value and the rule.
 */
export function checkId(id: string): string {
  if (!isId(id)) {
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
  if (!isTopic(topic)) {
    const shown = topic.length > 40
      ? `${topic.slice(0, 40)}… (${encoder.encode(topic).length} bytes)`
      : topic;
    throw new UsageError(
      `Invalid topic ${JSON.stringify(shown)}: must be 1 to 255 bytes of UTF-8 without NUL`,
    );
  }
  return topic;
}

/** A zone: a positive integer. @throws {UsageError} naming the value and the rule. */
export function checkZone(zone: number): number {
  if (!Number.isSafeInteger(zone) || zone < 1) {
    throw new UsageError(`Invalid zone ${shown(zone)}: must be a positive integer`);
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
