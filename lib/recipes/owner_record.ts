/**
 * What the ownership of a topic leaves in ZooKeeper, as values. Pure.
 *
 *     /topics/<topic>               {"publisher", "strength", "contender"}: who wrote it when taking over
 *     /topics/<topic>/<guid>-<seq>  {"publisher", "strength"}: who contends
 *
 * The epoch is the mzxid of the owner's write, so it is in the node's stat and not in its data.
 */
import { utf8 } from "../base/utf8.ts";
import type { Stat } from "../zk/requests.ts";

/** The owner of a topic as recorded. */
export interface OwnerRecord {
  publisher: string;
  strength: number;
  /** Fencing token: only grows. */
  epoch: bigint;
}

/** Who contends for a topic, and with what strength. */
export interface ContenderRecord {
  publisher: string;
  strength: number;
}

/** The owner recorded in `/topics/<topic>`; undefined when nobody ever was, or it does not parse. */
export function parseOwner(data: Uint8Array, stat: Stat): OwnerRecord | undefined {
  const record = parseContender(data);
  return record && { ...record, epoch: stat.mzxid };
}

/** A contender's data; undefined when it is not one's. */
export function parseContender(data: Uint8Array): ContenderRecord | undefined {
  const fields = parseObject(data);
  const { publisher, strength } = fields ?? {};
  if (typeof publisher !== "string" || typeof strength !== "number") return undefined;
  return { publisher, strength };
}

/** The contender node whose write the record is; undefined when there is none. */
export function writerOf(data: Uint8Array): string | undefined {
  const contender = parseObject(data)?.contender;
  return typeof contender === "string" ? contender : undefined;
}

export function formatContender({ publisher, strength }: ContenderRecord): string {
  return JSON.stringify({ publisher, strength });
}

export function formatOwner({ publisher, strength }: ContenderRecord, contender: string): string {
  return JSON.stringify({ publisher, strength, contender });
}

function parseObject(data: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(utf8(data) ?? "");
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : undefined;
  } catch {
    return undefined;
  }
}
