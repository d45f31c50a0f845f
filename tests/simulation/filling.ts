/** Samples that are longer than what they say: the text that a ledger gave, and a filling behind it. */
import { Buffer } from "node:buffer";
import { latin1 } from "../../lib/wire/key.ts";

const FILLING = "~".charCodeAt(0);
/** What a ledger gives is no longer. */
const TEXT_BYTES = 200;

let filling = Buffer.alloc(0);

function fillingOf(length: number): Buffer {
  if (filling.length < length) filling = Buffer.alloc(length, FILLING);
  return filling.subarray(0, length);
}

/** Makes it as long as it is to be. */
export function filled(text: string, bytes: number): Uint8Array {
  const whole = new Uint8Array(fillingOf(Math.max(bytes, text.length)));
  new TextEncoder().encodeInto(text, whole);
  return whole;
}

/** The text in it, if the rest is filling; else all that there is. */
export function textIn(payload: Uint8Array): string {
  const first = payload.subarray(0, TEXT_BYTES).indexOf(FILLING);
  if (first < 0 && payload.length <= TEXT_BYTES) return latin1(payload, 0, payload.length);
  const rest = payload.subarray(Math.max(first, 0));
  if (fillingOf(rest.length).equals(rest)) return latin1(payload, 0, first);
  return Buffer.from(payload).toString("latin1");
}
