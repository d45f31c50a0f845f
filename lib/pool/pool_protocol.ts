/**
 * What a backup pool and a broker process of its own say to each other: one JSON object a line, orders on the
 * broker's standard input, news on its standard output. Pure.
 *
 * The end of the input is an order too: the pool has gone, cleanly or killed, and its brokers go with it.
 */
import { z } from "zod";

const orderSchema = z.discriminatedUnion("do", [
  z.object({ do: z.literal("join"), zone: z.int().min(1) }),
  z.object({ do: z.literal("drain"), on: z.boolean() }),
]);

const newsSchema = z.discriminatedUnion("is", [
  /** Started, without a zone. */
  z.object({ is: z.literal("ready") }),
  z.object({ is: z.literal("standby") }),
  z.object({ is: z.literal("primary") }),
  /** It drains, and only those clients are left that stay. */
  z.object({ is: z.literal("drained"), pinned: z.int().min(0) }),
]);

/** From the pool to the broker. */
export type PoolOrder = z.infer<typeof orderSchema>;
/** From the broker to the pool. */
export type PoolNews = z.infer<typeof newsSchema>;

/** A line; undefined when it is none of the protocol. */
export function parseOrder(line: string): PoolOrder | undefined {
  return parse(orderSchema, line);
}

/** A line; undefined when it is none of the protocol. */
export function parseNews(line: string): PoolNews | undefined {
  return parse(newsSchema, line);
}

function parse<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
