/**
 * `run.json`: what one run was and how it ended, beside its CSV files. Written by `perf`, read by `report`.
 *
 * Reading is lenient: fields that are missing or wrong count as unknown, so data of other origins can be reported.
 */
import { z } from "zod";

const death = z.object({ broker: z.string(), time: z.number() });
const check = z.object({ name: z.string(), pass: z.boolean(), comment: z.string() });

const schema = z.object({
  mode: z.enum(["direct", "centralized"]),
  network: z.string(),
  repeat: z.int(),
  /** `local`: processes on loopback. `mininet`: a network namespace for each host. */
  where: z.enum(["local", "mininet"]),
  hosts: z.int(),
  subscribers: z.int(),
  publishers: z.int(),
  topics: z.array(z.string()),
  events: z.int(),
  intervalSeconds: z.number(),
  ownership: z.string(),
  history: z.int(),
  autokillSeconds: z.number().nullable(),
  /** Milliseconds since the epoch. */
  startedAt: z.number(),
  endedAt: z.number(),
  /** When a broker's process was seen to be gone. */
  brokerDeaths: z.array(death),
  checks: z.array(check),
  /** Share of the cores' time in use during the publishing, by whatever ran. */
  cpuBusy: z.number().nullable(),
  /** Processor time of the run's own processes, start and end included, seconds. */
  cpuOwnSeconds: z.number().nullable(),
  /** The machine's one-minute load average before the run. */
  loadBefore: z.number(),
  zookeeper: z.string(),
  switch: z.string().nullable(),
  linkDelay: z.string().nullable(),
  bandwidthMbit: z.number().nullable(),
  /** What `pubsub --version` says. */
  program: z.string(),
  machine: z.object({ cores: z.int(), cpu: z.string(), system: z.string() }),
});

export type RunRecord = z.infer<typeof schema>;
export type Check = z.infer<typeof check>;

/** The text of run.json. */
export function formatRunRecord(record: RunRecord): string {
  return JSON.stringify(record, null, 2) + "\n";
}

/** What can be read of run.json; undefined when it is no JSON object. */
export function parseRunRecord(text: string): Partial<RunRecord> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const known: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema.shape)) {
    const parsed = field.safeParse((value as Record<string, unknown>)[name]);
    if (parsed.success) known[name] = parsed.data;
  }
  return known as Partial<RunRecord>;
}
