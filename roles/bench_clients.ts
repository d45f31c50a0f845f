/**
 * `pubsub bench-clients`: what N clients cost ZooKeeper and the brokers. Many simulated clients in few processes, with
 * real sockets and sessions; the brokers, and ZooKeeper unless one is given, are processes of their own.
 *
 * Guarantee: every process it started is gone when it ends, whatever happens.
 */
import { Crowd } from "../lib/crowd/crowd.ts";
import { BrokerQuestions, liveBrokers } from "../lib/crowd/broker_costs.ts";
import { type StageFigures, stageHeader, stageRow } from "../lib/crowd/figures.ts";
import { LocalSquad, type SquadOptions } from "../lib/crowd/squad.ts";
import { RemoteSquad, serveSquad } from "../lib/crowd/squad_process.ts";
import { DeadlineError, PubsubError } from "../lib/base/errors.ts";
import { Processes } from "../lib/perf/processes.ts";
import { selfCommand } from "../lib/base/self_command.ts";
import { ZooKeeper } from "../lib/zk/zookeeper.ts";
import type { RoleContext } from "./context.ts";

/** What is asked of the measurement. */
export interface BenchClientsOptions extends Omit<SquadOptions, "zookeeper"> {
  /** Sizes of the crowd, growing. */
  readonly sizes: readonly number[];
  /** Brokers to start, each the primary of a zone. */
  readonly brokers: number;
  /** Without one, an embedded server is started. */
  readonly zookeeper?: string;
  /** Processes to share the clients among; as many as their open files need. */
  readonly processes?: number;
  readonly restMs: number;
  readonly stageMs: number;
  readonly json: boolean;
  /** Logs of what it starts go there. */
  readonly logs?: string;
}

/** Open files of one simulated client: its connections with a broker and with ZooKeeper, and libzmq's signals. */
const FILES_A_CLIENT = 6;
/** Of the process itself. */
const FILES_BESIDE = 200;
const START_MS = 30_000;

/** Runs the measurement. */
export async function runBenchClients(options: BenchClientsOptions, context: RoleContext): Promise<void> {
  const squadCount = options.processes ?? processesFor(Math.max(...options.sizes));
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
  const questions = [];
  for (const broker of brokers) questions.push(stack.use(await BrokerQuestions.open(broker)));
  const squads = Array.from({ length: squadCount }, (_, number) => {
    const place = { number, of: squadCount };
    const share = {
      ...options,
      zookeeper,
      concurrency: Math.max(1, Math.round(options.concurrency / squadCount)),
    };
    return stack.use(squadCount === 1 ? new LocalSquad(place, share) : new RemoteSquad(place, share));
  });
  const crowd = new Crowd(questions, squads, options);
  if (!options.json) context.out(stageHeader());
  for (const size of options.sizes) {
    const figures: StageFigures = await crowd.growTo(size, context.signal);
    context.out(options.json ? JSON.stringify({ brokers: brokers.length, ...figures }) : stageRow(figures));
  }
}

/** One of the processes that share the clients. */
export async function runBenchSquad(task: string, context: RoleContext): Promise<void> {
  await serveSquad(task, context.signal, (line) => context.out(line));
}

/** How many processes so many clients need. */
function processesFor(clients: number): number {
  const limit = /^Max open files\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"))?.[1];
  const allowed = limit === undefined ? Infinity : Number(limit);
  if (allowed < FILES_BESIDE + FILES_A_CLIENT) {
    throw new PubsubError(`a process may have ${allowed} open files, must be more: ulimit -n 20000`);
  }
  return Math.max(1, Math.ceil(clients * FILES_A_CLIENT / (allowed - FILES_BESIDE)));
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
