/** `pubsub bench-clients`: its flags, and what they ask of `roles/bench_clients.ts`. */
import { type Command, Option } from "commander";
import { UsageError } from "../lib/base/errors.ts";
import type { BenchClientsOptions } from "../roles/bench_clients.ts";
import { addBasicFlags, type BasicFlags, zookeeperAddress } from "./common_flags.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";
import { oneOf, seconds, wholeNumber } from "./values.ts";

interface BenchClientsFlags extends BasicFlags {
  clients: number[];
  brokers: number;
  fanOut: number;
  hot?: boolean;
  concurrency: number;
  processes?: number;
  assignment?: "random" | "least-loaded" | "two-choices";
  sessionTimeout: number;
  heartbeatInterval: number;
  heartbeatTimeout: number;
  rest: number;
  timeout: number;
  json?: boolean;
  logs?: string;
}

const MAX_CLIENTS = 20_000;

/** Adds the command. */
export function addBenchClientsCommand(program: Command, host: Host): void {
  const command = program.command("bench-clients")
    .description("Measure what N clients cost ZooKeeper and the brokers, with simulated clients")
    .optionsGroup("Crowd:")
    .addOption(
      new Option("--clients <n[,n...]>", "sizes of the crowd, growing").default(
        [100, 500, 1000],
        "100,500,1000",
      )
        .argParser(sizes("--clients")),
    )
    .addOption(
      new Option("--brokers <n>", "brokers to start, each in a zone of its own").default(2)
        .argParser(wholeNumber("--brokers", 1, 200)),
    )
    .addOption(
      new Option("--fan-out <n>", "subscribers of each publisher's topic").default(4)
        .argParser(wholeNumber("--fan-out", 1, MAX_CLIENTS)),
    )
    .option("--hot", "all clients on one topic")
    .addOption(
      new Option("--concurrency <n>", "registrations under way at once").default(32)
        .argParser(wholeNumber("--concurrency", 1, 1000)),
    )
    .addOption(
      new Option(
        "--processes <n>",
        "processes to share the clients among; by default as many as open files need",
      )
        .argParser(wholeNumber("--processes", 1, 100)),
    )
    .addOption(
      new Option("--assignment <kind>", "how the zone is chosen: random, least-loaded or two-choices")
        .argParser(oneOf("--assignment", ["random", "least-loaded", "two-choices"])),
    )
    .addOption(
      new Option("--session-timeout <seconds>", "ZooKeeper session time-out").default(20)
        .argParser(seconds("--session-timeout", 0.1)),
    )
    .addOption(
      new Option("--heartbeat-interval <seconds>", "pause between heartbeats on a connection").default(0.1)
        .argParser(seconds("--heartbeat-interval", 0.001)),
    )
    .addOption(
      new Option("--heartbeat-timeout <seconds>", "silence after which a peer counts as dead").default(5)
        .argParser(seconds("--heartbeat-timeout", 0.001)),
    )
    .addOption(
      new Option("--rest <seconds>", "how long rest is measured after each stage").default(3)
        .argParser(seconds("--rest", 0)),
    )
    .addOption(
      new Option("--timeout <seconds>", "give a stage up after so long").default(120)
        .argParser(seconds("--timeout", 1)),
    )
    .option("--json", "one JSON object a stage")
    .option("--logs <directory>", "write the brokers' logs there");
  addBasicFlags(command);
  command.addHelpText(
    "after",
    `
Without --zookeeper (or $PUBSUB_ZOOKEEPER) it starts an embedded server. Figures are for each registration of a stage:
ZooKeeper operations and kilobytes received, kilobytes of matches sent to clients, CPU of all brokers.

Examples:
  pubsub bench-clients --clients 100,500,1000,2000,5000 --brokers 4
  pubsub bench-clients --clients 200,400,800 --hot --json`,
  );
  command.action((flags: BenchClientsFlags) => {
    const options: BenchClientsOptions = {
      sizes: flags.clients,
      brokers: flags.brokers,
      layout: { fanOut: flags.fanOut, hot: flags.hot ?? false },
      concurrency: flags.concurrency,
      sessionTimeoutMs: flags.sessionTimeout * 1000,
      heartbeatIntervalMs: flags.heartbeatInterval * 1000,
      heartbeatTimeoutMs: flags.heartbeatTimeout * 1000,
      restMs: flags.rest * 1000,
      stageMs: flags.timeout * 1000,
      json: flags.json ?? false,
      ...given({
        zookeeper: flags.zookeeper || host.zookeeper ? zookeeperAddress(flags, host) : undefined,
        assignment: flags.assignment,
        processes: flags.processes,
        logs: flags.logs,
      }),
    };
    return host.launch({
      role: "bench-clients",
      options,
      verbose: flags.verbose ?? false,
      quiet: true,
      run: async (context) =>
        await (await import("../roles/bench_clients.ts")).runBenchClients(options, context),
    });
  });
}

/** Adds `pubsub bench-squad`, which `bench-clients` starts; of no use to people, so it is not in the list. */
export function addBenchSquadCommand(program: Command, host: Host): void {
  program.command("bench-squad", { hidden: true })
    .description("A share of the clients of bench-clients: started by it, told on standard input what to do")
    .argument("<task>")
    .action((task: string) =>
      host.launch({
        role: "bench-squad",
        options: {},
        verbose: false,
        quiet: true,
        run: async (context) =>
          await (await import("../roles/bench_clients.ts")).runBenchSquad(task, context),
      })
    );
}

function sizes(flag: string): (text: string) => number[] {
  const one = wholeNumber(flag, 1, MAX_CLIENTS);
  return (text) => {
    const found = text.split(",").map((part) => one(part));
    if (found.some((size, i) => i > 0 && size <= found[i - 1]!)) {
      throw new UsageError(`${flag} must grow: got ${text}`);
    }
    return found;
  };
}
