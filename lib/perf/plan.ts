/**
 * What one run starts, on which host, with which arguments. Pure.
 *
 * Time line: ZooKeeper; the backup pool and the primary, which dies by itself `autokill` seconds later; the standby
 * once the primary leads; the subscribers; and the publishers so late that the death falls into the middle of their
 * publishing. They begin when every subscriber has joined, so that no sample is history.
 */
import type { Mode } from "./results.ts";
import type { Placement } from "./network.ts";

/** What is published and how; the same for every run of a matrix. */
export interface Workload {
  readonly topics: readonly string[];
  /** Events of each publisher; an event is a sample on each topic. */
  readonly events: number;
  readonly intervalSeconds: number;
  /** `shared`: every publisher is heard. `exclusive`: one of each topic, one after the other. */
  readonly ownership: "shared" | "exclusive";
  /** Window offered and requested. */
  readonly history: number;
  /** Seconds after which the primary kills itself; null: it lives. */
  readonly autokillSeconds: number | null;
  readonly loadThreshold: number;
}

/** A process to start. */
export interface RoleCommand {
  /** Name of its log, e.g. `subscriber-3`. */
  readonly name: string;
  /** Host, counted from 0. */
  readonly host: number;
  readonly args: readonly string[];
}

/** The processes of a run besides ZooKeeper. */
export interface Plan {
  readonly pool: RoleCommand;
  readonly primary: RoleCommand;
  readonly standby: RoleCommand;
  readonly subscribers: readonly RoleCommand[];
  readonly publishers: readonly RoleCommand[];
}

/** The broker that leads first, and the one that takes over. */
export const PRIMARY_ID = "broker-1";
export const STANDBY_ID = "broker-2";

/** The processes of a run. `directory` is where its CSV files go. */
export function planOf(
  { placement, mode, workload, zookeeper, directory }: {
    placement: Placement;
    mode: Mode;
    workload: Workload;
    zookeeper: string;
    directory: string;
  },
): Plan {
  const common = ["--zookeeper", zookeeper];
  const centralized = mode === "centralized" ? ["--centralized"] : [];
  const direct = mode === "centralized" ? ["--centralized"] : ["--direct"];
  const topics = workload.topics.flatMap((topic) => ["--topics", topic]);
  const quality = ["--ownership", workload.ownership, "--history", String(workload.history)];
  const { autokillSeconds } = workload;
  const broker = (id: string) => ["broker", "--id", id, "--zone", "1", ...centralized, ...common];
  const received = samplesExpected(placement, workload);
  return {
    pool: {
      name: "backup-pool",
      host: placement.pool,
      args: ["backup-pool", "--load-threshold", String(workload.loadThreshold), ...common],
    },
    primary: {
      name: PRIMARY_ID,
      host: placement.primary,
      args: [
        ...broker(PRIMARY_ID),
        ...(autokillSeconds === null ? [] : ["--autokill", String(autokillSeconds)]),
      ],
    },
    standby: { name: STANDBY_ID, host: placement.standby, args: broker(STANDBY_ID) },
    subscribers: placement.subscribers.map((host, i) => ({
      name: `subscriber-${i + 1}`,
      host,
      args: [
        ...[
          "subscriber",
          "--id",
          `subscriber-${i + 1}`,
          ...topics,
          ...quality,
          ...direct,
          ...common,
          "--quiet",
        ],
        ...["--max-event-count", String(received)],
        ...["--filename", `${directory}/subscriber-${i + 1}.csv`],
        ...["--events", `${directory}/subscriber-${i + 1}.events.jsonl`],
      ],
    })),
    publishers: placement.publishers.map((host, i) => ({
      name: `publisher-${i + 1}`,
      host,
      args: [
        ...["publisher", "--id", `publisher-${i + 1}`, ...topics, ...quality, ...centralized, ...common],
        ...["--max-event-count", String(workload.events), "--sleep", String(workload.intervalSeconds)],
        ...["--wait-for-subscribers", String(placement.subscribers.length)],
        ...(workload.ownership === "exclusive" ? ["--when-not-owner", "wait"] : []),
      ],
    })),
  };
}

/** How many samples each subscriber receives. */
export function samplesExpected(placement: Placement, workload: Workload): number {
  return placement.publishers.length * workload.topics.length * workload.events;
}

/** Seconds that the publishing of one publisher takes. */
export function publishingSeconds(workload: Workload): number {
  return workload.events * workload.intervalSeconds;
}

/**
 * Seconds after the primary's start at which the publishers are started: half their publishing, and the time that
 * their own start takes on a busy machine, before its death. However fast they start, the death comes before 85 % of
 * the publishing.
 */
export function publishersAfter(placement: Placement, workload: Workload, autokillSeconds: number): number {
  const publishing = publishingSeconds(workload);
  const starting = Math.min(0.5 + 0.25 * placement.publishers.length, 0.35 * publishing);
  return Math.max(0, autokillSeconds - publishing / 2 - starting);
}

/** Seconds to the primary's death that leave time to start everybody first: 15 and more in large networks. */
export function defaultAutokill(placement: Placement, publishing: number): number {
  const clients = placement.subscribers.length + placement.publishers.length;
  return Math.max(15, Math.ceil(6 + 0.3 * clients + publishing / 2));
}
