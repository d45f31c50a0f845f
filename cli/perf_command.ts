/** `pubsub perf`: its flags, and what they ask of `roles/perf.ts`. */
import { type Command, Option } from "commander";
import { UsageError } from "../lib/base/errors.ts";
import type { PerfOptions } from "../roles/perf.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";
import { each, numberAbove, oneOf, seconds, topic, wholeNumber } from "./values.ts";

interface PerfFlags {
  local?: boolean;
  mininet?: boolean;
  networks?: string[];
  modes?: ("direct" | "centralized")[];
  events?: number;
  interval?: number;
  repeats?: number;
  out?: string;
  topics?: string[];
  ownership?: "shared" | "exclusive";
  autokill?: number;
  loadThreshold?: number;
  zookeeperServer?: "apache" | "embedded" | "auto";
  switch?: "linuxbridge" | "ovs";
  linkDelay?: string;
  bandwidth?: number;
  resume?: boolean;
  executable?: string;
  verbose?: boolean;
}

/** Adds the command. */
export function addPerfCommand(program: Command, host: Host): void {
  const command = program.command("perf")
    .description("Measure latency over networks, modes and repeats")
    .optionsGroup("Matrix:")
    .option("--local", "processes on loopback (default)")
    .option("--mininet", "hosts of a Mininet network; needs root")
    .option("--networks <network...>", "tree:DEPTH,FANOUT or single:HOSTS (default: six of growing size)")
    .addOption(
      new Option("--modes <mode>", "direct or centralized; repeatable (default: both)")
        .argParser(each(oneOf("--modes", ["direct", "centralized"]))),
    )
    .addOption(
      new Option("--repeats <n>", "runs of each network and mode (default: 3)")
        .argParser(wholeNumber("--repeats", 1)),
    )
    .option("--out <directory>", "where the results go (default: perf-results)")
    .option("--resume", "keep the runs that are there already")
    .option("--executable <path>", "the program to measure (default: this one)");
  addWorkloadFlags(command.optionsGroup("Workload:"));
  addNetworkFlags(command.optionsGroup("Network:"));
  command.optionsGroup("Logging:").option(
    "-v, --verbose",
    "debug log, and the stack of a failure, on standard error",
  );
  command.addHelpText(
    "after",
    `
Examples:
  pubsub perf --local --networks single:8 single:16 --repeats 3
  sudo pubsub perf --mininet --networks tree:2,2 tree:3,2 --out study
  pubsub report study`,
  );
  command.action((flags: PerfFlags) => {
    const options = perfOptions(flags);
    return host.launch({
      role: "perf",
      options,
      verbose: flags.verbose ?? false,
      run: async (context) => await (await import("../roles/perf.ts")).runPerf(options, context),
    });
  });
}

function addWorkloadFlags(command: Command): void {
  command
    .addOption(
      new Option("--events <n>", "events of each publisher (default: 100)").argParser(
        wholeNumber("--events", 1),
      ),
    )
    .addOption(
      new Option("--interval <seconds>", "pause between events (default: 0.1)").argParser(
        seconds("--interval"),
      ),
    )
    .addOption(
      new Option("--topics <topic>", "topic; repeatable (default: A, B and C)").argParser(
        each(topic("--topics")),
      ),
    )
    .addOption(
      new Option("--ownership <kind>", "shared or exclusive (default: shared)")
        .argParser(oneOf("--ownership", ["shared", "exclusive"])),
    )
    .addOption(
      new Option("--autokill <seconds>", "the primary dies after that time, 0 never (default: 15 or more)")
        .argParser(seconds("--autokill")),
    )
    .addOption(
      new Option("--load-threshold <load>", "of the backup pool (default: 30)")
        .argParser(numberAbove("--load-threshold", 0)),
    );
}

function addNetworkFlags(command: Command): void {
  command
    .addOption(
      new Option("--zookeeper-server <kind>", "apache, embedded or auto (default: auto)")
        .argParser(oneOf("--zookeeper-server", ["apache", "embedded", "auto"])),
    )
    .addOption(
      new Option("--switch <kind>", "linuxbridge or ovs (default: linuxbridge)")
        .argParser(oneOf("--switch", ["linuxbridge", "ovs"])),
    )
    .option("--link-delay <time>", "of every link, such as 5ms")
    .addOption(
      new Option("--bandwidth <mbit>", "of every link, Mbit/s").argParser(numberAbove("--bandwidth", 0)),
    );
}

function perfOptions(flags: PerfFlags): PerfOptions {
  if (flags.local && flags.mininet) {
    throw new UsageError("--local and --mininet exclude each other: give one");
  }
  return given({
    where: flags.mininet ? "mininet" as const : "local" as const,
    networks: flags.networks ?? [],
    modes: flags.modes && [...new Set(flags.modes)],
    events: flags.events,
    intervalSeconds: flags.interval,
    repeats: flags.repeats,
    out: flags.out,
    topics: flags.topics && [...new Set(flags.topics)],
    ownership: flags.ownership,
    autokillSeconds: flags.autokill,
    loadThreshold: flags.loadThreshold,
    zookeeperServer: flags.zookeeperServer,
    switchKind: flags.switch,
    linkDelay: flags.linkDelay,
    bandwidthMbit: flags.bandwidth,
    resume: flags.resume,
    executable: flags.executable,
  });
}
