/**
 * What the backup pools are to run, and why: the znode `/shared_state/scaling`.
 *
 * Written by the acting pool only, by compare-and-set. One znode for everything: several zones are ordered at once or
 * not at all, no zone number can be taken twice, and an operator sees one consistent state.
 */
import { z } from "zod";
import { FormatError } from "../base/errors.ts";
import { isId } from "../base/names.ts";
import { SHARED_STATE } from "../model/paths.ts";
import { utf8 } from "../base/utf8.ts";

/** The plan. */
export const SCALING = `${SHARED_STATE}/scaling`;
/** One ephemeral record for each live backup pool. */
export const POOL_MEMBERS = `${SHARED_STATE}/pool_members`;

/** Steps that are kept. */
const STEPS = 20;

const id = z.string().refine(isId, "must be an id");
const zone = z.int().min(1);

const order = z.object({
  zone,
  /** Whose brokers serve it. */
  pool: id,
  /** `ending`: its clients are to go elsewhere, then its brokers. */
  state: z.enum(["wanted", "ending"]),
  /** Milliseconds since the epoch: since when it is so. */
  since: z.number(),
  /** Its place among all orders ever given: the newest zone ends first. */
  number: z.int().min(1),
  /** It could not be ended, and is not tried again before this time. */
  keptUntil: z.number().optional(),
});

/** Something that the acting pool did, and why. */
export interface ScalingStep {
  /** Milliseconds since the epoch. */
  time: number;
  /** What was done with the zone. */
  action: "start" | "end" | "ended" | "keep" | "move" | "gone";
  /** Which zone. */
  zone: number;
  /** Whose brokers serve it. */
  pool: string;
  /** For people. */
  reason: string;
}

const step: z.ZodType<ScalingStep> = z.object({
  time: z.number(),
  action: z.enum(["start", "end", "ended", "keep", "move", "gone"]),
  zone,
  pool: id,
  reason: z.string().max(300),
});

const plan = z.object({
  acting: id,
  threshold: z.number(),
  low: z.number(),
  /** Number of the last order. */
  orders: z.int().min(0),
  zones: z.array(order).max(10_000),
  /** The newest last. */
  steps: z.array(step).max(100),
  /** Why nothing is done although something should be. */
  waiting: z.string().max(300).optional(),
});

/** What a pool says of a zone it runs. */
export interface PoolZone {
  /** Its number. */
  zone: number;
  /** What its brokers do. */
  state: "starting" | "serving" | "draining" | "drained" | "failing";
  /** Clients that stay although it drains. */
  pinned: number;
  /** How often a broker of it was started again. */
  restarts: number;
}

/** What a pool has, and has room for. */
export interface PoolMember {
  /** Its id. */
  pool: string;
  /** Where it runs. */
  host: string;
  /** Zones it runs at most. */
  most: number;
  /** Brokers that are started and wait for a zone. */
  warm: number;
  /** The zones it runs. */
  zones: PoolZone[];
}

const member: z.ZodType<PoolMember> = z.object({
  pool: id,
  host: z.string().max(255),
  most: z.int().min(0),
  warm: z.int().min(0),
  zones: z.array(z.object({
    zone,
    state: z.enum(["starting", "serving", "draining", "drained", "failing"]),
    pinned: z.int().min(0).default(0),
    restarts: z.int().min(0).default(0),
  })).max(10_000),
});

export type ZoneOrder = z.infer<typeof order>;
export type ScalingPlan = z.infer<typeof plan>;

/** The plan in the znode's data. @throws {FormatError} */
export function parseScalingPlan(data: Uint8Array): ScalingPlan {
  return read(plan, data, "scaling plan");
}

/** A pool's record. @throws {FormatError} */
export function parsePoolMember(data: Uint8Array, name: string): PoolMember {
  return read(member, data, `record of backup pool ${name}`);
}

function read<T>(schema: z.ZodType<T>, data: Uint8Array, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(utf8(data) ?? "");
  } catch {
    throw new FormatError(`${what}: not JSON`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new FormatError(`${what}: ${result.error.issues[0]?.message ?? "does not follow the schema"}`);
}

/** A copy of the steps with one more, the oldest forgotten. */
export function withStep(steps: readonly ScalingStep[], next: ScalingStep): ScalingStep[] {
  return [...steps, { ...next, reason: next.reason.slice(0, 300) }].slice(-STEPS);
}

/** A step as one line for people, without its time. */
export function stepText({ action, zone, pool, reason }: ScalingStep): string {
  const what = {
    start: `zone ${zone} started on ${pool}`,
    end: `zone ${zone} of ${pool} drains`,
    ended: `zone ${zone} of ${pool} has ended`,
    keep: `zone ${zone} of ${pool} is kept`,
    move: `zone ${zone} given to ${pool}`,
    gone: `zone ${zone} of ${pool} is forgotten`,
  }[action];
  return `${what}: ${reason}`;
}
