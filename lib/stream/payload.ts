/** What may be published: bytes, or a text that has UTF-8, of a bounded length. Pure. */
import { UsageError } from "../base/errors.ts";
import { shown } from "../base/option_rules.ts";

/** Longest sample: 16 MiB. Larger messages than its batch are refused by every receiver. */
const MAX_PAYLOAD = 16 * 1024 * 1024;
/** A UTF-16 unit of a text is so many bytes of UTF-8 at most. */
const MAX_UTF8_BYTES = 3;

/** @throws {UsageError} for what is neither bytes nor a text that can be sent as it is, or is too long in bytes. */
export function checkPayload(topic: string, payload: Uint8Array | string): void {
  if (typeof payload === "string") {
    if (!payload.isWellFormed()) {
      throw new UsageError(
        `Cannot publish ${shown(payload)} on topic ${topic}: half of a surrogate pair has no UTF-8`,
      );
    }
  } else if (!(payload instanceof Uint8Array)) {
    throw new UsageError(
      `Cannot publish ${shown(payload)} on topic ${topic}: must be a text or a Uint8Array`,
    );
  }
  if (payload.length * MAX_UTF8_BYTES > MAX_PAYLOAD) checkLength(topic, payload);
}

function checkLength(topic: string, payload: Uint8Array | string): void {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload).length : payload.length;
  if (bytes <= MAX_PAYLOAD) return;
  throw new UsageError(`Cannot publish ${bytes} bytes on topic ${topic}: must be at most ${MAX_PAYLOAD}`);
}
