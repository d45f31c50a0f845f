/** A batch of samples made by hand, as the encoders see one. */
import type { EncodableBatch } from "../../../lib/output/sample_encoder.ts";

export function batchOf(
  payloads: (string | Uint8Array)[],
  options: Partial<Omit<EncodableBatch, "bytes" | "count" | "forEach">> & { publishTimes?: number[] } = {},
): EncodableBatch & { receivedAt: number } {
  const parts = payloads.map((payload) =>
    typeof payload === "string" ? new TextEncoder().encode(payload) : payload
  );
  const { publishTimes, ...rest } = options;
  const firstSequence = rest.firstSequence ?? 1;
  return {
    topic: "A",
    publisher: "pub-1",
    epoch: 7n,
    historical: false,
    receiveTime: 1_700_000_000_001.5,
    clockOffset: 0,
    receivedAt: options.receiveTime ?? 0,
    ...rest,
    firstSequence,
    count: parts.length,
    bytes: new Uint8Array(parts.flatMap((part) => [...part])),
    forEach(visit) {
      let at = 0;
      for (const [i, { length }] of parts.entries()) {
        visit(publishTimes?.[i] ?? 1_700_000_000_000, at, at + length, firstSequence + i);
        at += length;
      }
    },
  };
}
