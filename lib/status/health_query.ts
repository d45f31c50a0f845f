/**
 * Asks primaries what ails their clients. One question each, all at once; who does not answer in time is left out.
 *
 * No znodes. It works without ZooKeeper, on the brokers that are named.
 */
import { z } from "zod";
import { FormatError } from "../base/errors.ts";
import { numericEndpoint } from "../net/reach.ts";
import { type BrokerRecord, decodeBrokerMessage, encodeControl } from "../wire/control.ts";
import { Socket } from "../zmq/socket.ts";
import type { ZoneHealth } from "../model/zone_health.ts";

const text = z.string().max(300);
const health = z.object({
  slow: z.array(z.object({ publisher: text, subscribers: z.array(text) })),
  unreached: z.array(z.object({
    client: text,
    kind: z.enum(["publisher", "broker", "subscriber"]),
    id: text,
    endpoint: text,
    seconds: z.number(),
  })).default([]),
  clocks: z.array(z.object({ client: text, offset: z.number(), bound: z.number() })).default([]),
  failovers: z.array(z.object({
    subscriber: text,
    time: z.number(),
    event: z.enum(["broker_lost", "publisher_lost", "owner_changed"]),
    what: text,
    detected_ms: z.number(),
    data_back_ms: z.number().nullable(),
    control_back_ms: z.number().nullable(),
    recovered: z.number(),
    lost: z.number(),
    duplicates: z.number(),
    reordered: z.number(),
  })),
  unrecorded: z.array(text).max(100).default([]),
});

/**
 * What the clients of these primaries tell.
 *
 * @param ms how long answers are waited for.
 * @returns by broker id; without those that did not answer, or did not answer as the primary.
 */
export async function askHealth(
  primaries: Iterable<Pick<BrokerRecord, "broker" | "control">>,
  ms: number,
): Promise<Map<string, ZoneHealth>> {
  const answers = new Map<string, ZoneHealth>();
  await Promise.all([...primaries].map(async ({ broker, control }) => {
    const answer = await askOne(control, ms);
    if (answer) answers.set(broker, answer);
  }));
  return answers;
}

async function askOne(control: string, ms: number): Promise<ZoneHealth | undefined> {
  await using socket = new Socket("dealer", { linger: 0 });
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort();
    socket.close();
  }, ms);
  try {
    const numeric = await numericEndpoint(control, late.signal).catch(() => undefined);
    if (numeric === undefined || socket.closed) return undefined;
    socket.connect(numeric);
    socket.send(encodeControl({ type: "status", brief: true }));
    for await (const messages of socket.messages()) {
      for (const frames of messages) {
        const answer = decodeBrokerMessage(frames.at(-1)!);
        if (answer instanceof FormatError || answer.type !== "status") return undefined;
        if (answer.status.role !== "primary") return undefined;
        const parsed = health.safeParse(answer.status);
        return parsed.success ? parsed.data : undefined;
      }
    }
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
