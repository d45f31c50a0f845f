/** What a broker answers when it is asked for its status: its counters, its clients, and what it costs. */
import process from "node:process";
import type { BrokerCosts, BrokerStats } from "./broker_options.ts";
import type { ControlDesk } from "./control_desk.ts";
import type { SystemDirectory } from "./system_directory.ts";
import { healthOf } from "../model/zone_health.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** What is looked at. */
export interface BrokerParts {
  readonly desk: Pick<ControlDesk, "clients" | "traffic" | "unrecorded">;
  readonly directory: Pick<SystemDirectory, "index" | "brokers">;
  readonly zk: Pick<ZooKeeper, "counters">;
}

/** @param brief without the list of clients. */
export function statusOf(stats: BrokerStats, parts: BrokerParts, brief: boolean): Record<string, unknown> {
  const { clients } = parts.desk;
  const status = {
    ...stats,
    costs: costsOf(parts),
    ...healthOf(clients),
    unrecorded: parts.desk.unrecorded(),
  };
  if (brief) return status;
  return {
    ...status,
    clients: [...clients].map(({ id, asker, stats }) => ({ ...stats, id, role: asker.role })),
  };
}

/** What it knows of the system, and what that has cost so far. */
function costsOf({ desk, directory, zk }: BrokerParts): BrokerCosts {
  const { user, system } = process.cpuUsage();
  return {
    publishers: directory.index.publishers.size,
    subscribers: directory.index.subscribers.size,
    brokers: directory.brokers,
    zookeeper: zk.counters(),
    control: desk.traffic,
    cpuMs: (user + system) / 1000,
  };
}
