/**
 * `pubsub bench-clients`: what N clients cost ZooKeeper and the brokers. Many simulated clients in this process, with
 * real sockets and sessions; the brokers, and ZooKeeper unless one is given, are processes of their own.
 *
 * Guarantee: every process it started is gone when it ends, whatever happens.
 */
import { Crowd } from "../lib/crowd/crowd.ts";
import { BrokerQuestions, liveBrokers } from "../lib/crowd/broker_costs.ts";
import { type StageFigures, stageHeader, stageRow } from "../lib/crowd/figures.ts";
import type { Layout } from "../lib/crowd/layout.ts";
import { DeadlineError, PubsubError } from "../lib/errors.ts";
import { Processes } from "../lib/perf/processes.ts";
import { selfCommand } from "../lib/self_command.ts";
import type { Assignment } from "../lib/zone_choice.ts";
import { ZooKeeper } from "../lib/zk/zookeeper.ts";
import type { RoleContext } from "./context.ts";

/** What is asked of the measurement. */
export interface BenchClientsOptions {
  /** Sizes of the crowd, growing. */
  readonly sizes: readonly number[];
  /** Brokers to start, each the primary of a zone. */
  readonly brokers: number;
  /** Without one, an embedded server is started. */
  readonly zookeeper?: string;
  readonly layout: Layout;
  readonly concurrency: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly restMs: number;
  readonly stageMs: number;
  readonly assignment?: Assignment;
  readonly json: boolean;
  /** Logs of what it starts go there. */
  readonly logs?: string;
}

/** Sockets and sessions of one simulated client. */
const DESCRIPTORS_A_CLIENT = 3;
const START_MS = 30_000;

/** Runs the measurement. */
export async function runBenchClients(options: BenchClientsOptions, context: RoleContext): Promise<void> {
  checkDescriptors(Math.max(...options.sizes));
  await using processes = new Processes();
  const logs = options.logs ?? "/dev/null";
  const log = (name: string) => options.logs === undefined ? logs : `${logs}/${name}.log`;
  const zookeeper = options.zookeeper ?? startZooKeeper(processes, log("zookeeper"));
  await using zk = new ZooKeeper({ servers: zookeeper });
  for (let zone = 1; zone <= options.brokers; zone++) {
    startBroker(processes, zone, zookeeper, options, log(`broker-${zone}`));
  }
  const brokers = await brokersReady(zk, options.brokers, context.signal);
  await using stack = new AsyncDisposableStack();
  const questions = brokers.map((broker) => stack.use(new BrokerQuestions(broker)));
  await using crowd = new Crowd(questions, { ...options, zookeeper });
  if (!options.json) context.out(stageHeader());
  for (const size of options.sizes) {
    const figures: StageFigures = await crowd.growTo(size, context.signal);
    context.out(options.json ? JSON.stringify({ brokers: brokers.length, ...figures }) : stageRow(figures));
  }
}

function checkDescriptors(clients: number): void {
  const needed = clients * DESCRIPTORS_A_CLIENT + 200;
  const allowed = Number(/^Max open files\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"))?.[1]);
  if (needed > allowed) {
    throw new PubsubError(
      `${clients} clients need ${needed} open files, ${allowed} are allowed: ulimit -n ${needed}`,
    );
  }
}

function startZooKeeper(processes: Processes, log: string): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  listener.close();
  const { command, args } = selfCommand();
  processes.start("zookeeper", [command, ...args, "zookeeper", "--listen", address], log);
  return address;
}

function startBroker(
  processes: Processes,
  zone: number,
  zookeeper: string,
  options: BenchClientsOptions,
  log: string,
): void {
  const { command, args } = selfCommand();
  processes.start(`broker-${zone}`, [
    ...[command, ...args, "broker", "--zone", String(zone), "--id", `crowd-broker-${zone}`],
    ...["--zookeeper", zookeeper, "--session-timeout", String(options.sessionTimeoutMs / 1000)],
    ...["--heartbeat-interval", String(options.heartbeatIntervalMs / 1000)],
    ...["--heartbeat-timeout", String(options.heartbeatTimeoutMs / 1000), "--address", "127.0.0.1"],
  ], log);
}

async function brokersReady(zk: ZooKeeper, count: number, signal: AbortSignal) {
  const end = performance.now() + START_MS;
  await zk.connected(AbortSignal.any([signal, AbortSignal.timeout(START_MS)]));
  for (;;) {
    signal.throwIfAborted();
    const brokers = (await liveBrokers(zk)).filter(({ standby }) => !standby);
    if (brokers.length >= count) return brokers;
    if (performance.now() > end) {
      throw new DeadlineError(`${brokers.length} of ${count} brokers are primaries after ${START_MS} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
