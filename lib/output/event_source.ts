/**
 * What a publisher publishes when it makes its events itself. Pure: time is a parameter.
 *
 * The synthetic event is the earlier framework's: the publisher's address, the topic and the publish time in seconds
 * since the epoch, as one JSON object.
 */
import { utf8 } from "../base/utf8.ts";

/** The payload of one event on one topic, published at `now` (milliseconds since the epoch). */
export type PayloadMaker = (topic: string, now: number) => Uint8Array;

/** A source that needs no input. */
export type MadeSource =
  | { readonly kind: "synthetic" }
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "bytes"; readonly size: number };

const encoder = new TextEncoder();

/** The maker of a source's payloads. `address` is where the publisher is reached. */
export function payloadMaker(source: MadeSource, address: string): PayloadMaker {
  switch (source.kind) {
    case "synthetic":
      return (topic, now) =>
        encoder.encode(
          `{"publisher":${JSON.stringify(address)},"topic":${JSON.stringify(topic)},` +
            `"publish_time":${(now / 1000).toFixed(6)}}`,
        );
    case "message": {
      const payload = encoder.encode(source.text);
      return () => payload;
    }
    case "bytes": {
      const payload = new Uint8Array(source.size);
      // Letters, so that the bytes can be looked at: abc...zabc...
      for (let i = 0; i < payload.length; i++) payload[i] = 97 + i % 26;
      return () => payload;
    }
  }
}

/** A keyed line's parts: `TOPIC<TAB>payload`. Undefined when there is no tab; no topic when it is no UTF-8. */
export function splitKeyed(line: Uint8Array): { topic: string | undefined; payload: Uint8Array } | undefined {
  const tab = line.indexOf(9);
  if (tab < 0) return undefined;
  return { topic: utf8(line.subarray(0, tab)), payload: line.subarray(tab + 1) };
}
