/** What a stage of a crowd's growth has cost, for each registration. Pure. */
import type { BrokerCosts } from "../broker/broker_options.ts";

/** Everything that is counted, at one moment. */
export interface Reading {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly brokers: readonly BrokerCosts[];
  /** The clients' own. */
  readonly clients: { readonly operations: number; readonly bytesIn: number };
  /** CPU of the processes the clients are in, milliseconds. */
  readonly cpuMs: number;
}

/** Growth from one size to the next. */
export interface StageFigures {
  /** Clients at the end. */
  readonly clients: number;
  readonly registrations: number;
  readonly seconds: number;
  /** From the last registration until every broker knew everybody, milliseconds. */
  readonly agreeMs: number;
  /** From the last registration until every client knew its peers, milliseconds. */
  readonly matchedMs: number;
  /** For each registration. */
  readonly clientOperations: number;
  readonly brokerOperations: number;
  /** Bytes that ZooKeeper sent to the brokers, for each registration. */
  readonly brokerKilobytes: number;
  readonly clientKilobytes: number;
  /** Bytes of matches that brokers sent to clients, for each registration. */
  readonly matchKilobytes: number;
  /** CPU of all brokers, for each registration. */
  readonly brokerCpuMs: number;
  /** CPU of the simulated clients, for each registration. */
  readonly clientCpuMs: number;
  /** Nothing registers or leaves: CPU of all brokers, percent of one core. */
  readonly restBrokerCpuPercent: number;
  /** Nothing registers or leaves: operations of clients and brokers a second. */
  readonly restOperations: number;
  /** Watches of all brokers. */
  readonly brokerWatches: number;
}

/** The figures of a stage: readings before it, when everybody agreed, and after a rest. */
export function stageFigures(
  { clients, registrations, agreeMs, matchedMs }: Pick<
    StageFigures,
    "clients" | "registrations" | "agreeMs" | "matchedMs"
  >,
  before: Reading,
  agreed: Reading,
  rested: Reading,
): StageFigures {
  const sum = (reading: Reading, of: (costs: BrokerCosts) => number) =>
    reading.brokers.reduce((total, costs) => total + of(costs), 0);
  const grown = (of: (costs: BrokerCosts) => number) =>
    (sum(agreed, of) - sum(before, of)) / Math.max(1, registrations);
  const each = (difference: number) => difference / Math.max(1, registrations);
  const restSeconds = Math.max(0.001, (rested.at - agreed.at) / 1000);
  const restOperations = rested.clients.operations - agreed.clients.operations +
    sum(rested, ({ zookeeper }) => zookeeper.operations) -
    sum(agreed, ({ zookeeper }) => zookeeper.operations);
  return {
    clients,
    registrations,
    seconds: (agreed.at - before.at) / 1000,
    agreeMs,
    matchedMs,
    clientOperations: each(agreed.clients.operations - before.clients.operations),
    brokerOperations: grown(({ zookeeper }) => zookeeper.operations),
    brokerKilobytes: grown(({ zookeeper }) => zookeeper.bytesIn) / 1000,
    clientKilobytes: each(agreed.clients.bytesIn - before.clients.bytesIn) / 1000,
    matchKilobytes: grown(({ control }) => control.matchBytes) / 1000,
    brokerCpuMs: grown(({ cpuMs }) => cpuMs),
    clientCpuMs: each(agreed.cpuMs - before.cpuMs),
    restBrokerCpuPercent: (sum(rested, ({ cpuMs }) => cpuMs) - sum(agreed, ({ cpuMs }) => cpuMs)) /
      (10 * restSeconds),
    restOperations: restOperations / restSeconds,
    brokerWatches: sum(rested, ({ zookeeper }) => zookeeper.watches),
  };
}

const COLUMNS: readonly { name: string; of: (figures: StageFigures) => string }[] = [
  { name: "clients", of: ({ clients }) => String(clients) },
  { name: "seconds", of: ({ seconds }) => seconds.toFixed(1) },
  { name: "agree_ms", of: ({ agreeMs }) => agreeMs.toFixed(0) },
  { name: "matched_ms", of: ({ matchedMs }) => matchedMs.toFixed(0) },
  { name: "client_ops", of: ({ clientOperations }) => clientOperations.toFixed(1) },
  { name: "broker_ops", of: ({ brokerOperations }) => brokerOperations.toFixed(1) },
  { name: "client_kB", of: ({ clientKilobytes }) => clientKilobytes.toFixed(2) },
  { name: "broker_kB", of: ({ brokerKilobytes }) => brokerKilobytes.toFixed(2) },
  { name: "match_kB", of: ({ matchKilobytes }) => matchKilobytes.toFixed(2) },
  { name: "broker_cpu_ms", of: ({ brokerCpuMs }) => brokerCpuMs.toFixed(2) },
  { name: "client_cpu_ms", of: ({ clientCpuMs }) => clientCpuMs.toFixed(2) },
  { name: "rest_cpu_%", of: ({ restBrokerCpuPercent }) => restBrokerCpuPercent.toFixed(1) },
  { name: "rest_ops/s", of: ({ restOperations }) => restOperations.toFixed(0) },
  { name: "watches", of: ({ brokerWatches }) => String(brokerWatches) },
];

/** The columns' names, aligned with {@link stageRow}. */
export function stageHeader(): string {
  return COLUMNS.map(({ name }) => name.padStart(width(name))).join(" ");
}

/** One stage as one line of the table. */
export function stageRow(figures: StageFigures): string {
  return COLUMNS.map(({ name, of }) => of(figures).padStart(width(name))).join(" ");
}

function width(name: string): number {
  return Math.max(name.length, 9);
}
