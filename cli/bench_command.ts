/** `pubsub bench`: its flags, and what they ask of `roles/bench.ts`. */
import { type Command, Option } from "commander";
import { warmUpFor } from "../lib/bench/pace.ts";
import type { PubsubTask } from "../lib/bench/pubsub_system.ts";
import { MIN_PAYLOAD_BYTES } from "../lib/bench/sample.ts";
import { UsageError } from "../lib/base/errors.ts";
import type { BenchOptions } from "../roles/bench.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";
import { oneOf, seconds, wholeNumber } from "./values.ts";

interface BenchFlags {
  publishers: number;
  subscribers: number;
  payloadSize: number;
  rate: number;
  mode: "direct" | "centralized";
  duration: number;
  warmUp?: number;
  repeats: number;
  history: number;
  reliability: "reliable" | "best-effort";
  take: "batches" | "samples";
  startup?: boolean;
  json?: boolean;
  csv?: string;
  zookeeper?: string;
  client?: string;
  verbose?: boolean;
}

/** Adds the command. */
export function addBenchCommand(program: Command, host: Host): void {
  const command = program.command("bench")
    .description("Measure throughput, latency, CPU and memory on this machine, every sample checked")
    .optionsGroup("What is measured:")
    .addOption(count("--publishers <n>", "publishers, each on a topic of its own").default(1))
    .addOption(count("--subscribers <n>", "subscribers, each of every topic").default(1))
    .addOption(
      new Option("--payload-size <bytes>", `bytes of a sample, at least ${MIN_PAYLOAD_BYTES}`).default(64)
        .argParser(wholeNumber("--payload-size", MIN_PAYLOAD_BYTES, 16_777_216)),
    )
    .addOption(
      new Option("--rate <n>", "samples a second of each publisher, or max").default("max")
        .argParser(rate),
    )
    .addOption(
      new Option("--mode <mode>", "direct, or centralized: through the broker").default("centralized")
        .argParser(oneOf("--mode", ["direct", "centralized"])),
    )
    .addOption(
      new Option("--history <n>", "samples offered and requested").default(1)
        .argParser(wholeNumber("--history", 0, 0xffff_ffff)),
    )
    .addOption(
      new Option("--reliability <kind>", "reliable or best-effort").default("reliable")
        .argParser(oneOf("--reliability", ["reliable", "best-effort"])),
    )
    .addOption(
      new Option("--take <how>", "subscribers take batches, or samples one at a time").default("batches")
        .argParser(oneOf("--take", ["batches", "samples"])),
    )
    .option("--startup", "measure start-up times, memory and idle CPU of every role instead")
    .optionsGroup("How:")
    .addOption(
      new Option("--duration <seconds>", "measured time of a run").default(5).argParser(
        seconds("--duration", 0.1),
      ),
    )
    .addOption(
      new Option("--warm-up <seconds>", "before it (default: until each client may have had a core for 3 s)")
        .argParser(seconds("--warm-up")),
    )
    .addOption(count("--repeats <n>", "runs").default(3))
    .option("-z, --zookeeper <address>", "use this one (default: an embedded one)")
    .option("--json", "one JSON document on standard output")
    .option("--csv <file>", "one row a run")
    .option("-v, --verbose", "debug log, and the stack of a failure, on standard error")
    .addOption(new Option("--client <json>").hideHelp());
  command.addHelpText(
    "after",
    `
Examples:
  pubsub bench
  pubsub bench --publishers 4 --subscribers 4 --mode direct
  pubsub bench --rate 10000 --duration 10 --json
  pubsub bench --startup`,
  );
  command.action((flags: BenchFlags) => launchBench(host, flags));
}

function count(flags: string, description: string): Option {
  return new Option(flags, description).argParser(wholeNumber(flags.split(" ")[0]!, 1, 1000));
}

/** `max` is 0. */
function rate(text: string): number {
  return text === "max" ? 0 : wholeNumber("--rate", 1, 1_000_000)(text);
}

function launchBench(host: Host, flags: BenchFlags): Promise<void> {
  const verbose = flags.verbose ?? false;
  if (flags.client !== undefined) {
    const task = taskIn(flags.client);
    return host.launch({
      role: "bench client",
      options: task,
      verbose,
      quiet: true,
      run: async ({ signal }) => {
        const { runBenchClient } = await import("../roles/bench_client.ts");
        await runBenchClient(task, signal);
      },
    });
  }
  const options: BenchOptions = {
    publishers: flags.publishers,
    subscribers: flags.subscribers,
    payloadBytes: flags.payloadSize,
    // The default is a word.
    rate: typeof flags.rate === "number" ? flags.rate : 0,
    mode: flags.mode,
    history: flags.history,
    reliability: flags.reliability,
    take: flags.take,
    seconds: flags.duration,
    warmUpSeconds: flags.warmUp ??
      warmUpFor(flags.publishers + flags.subscribers, navigator.hardwareConcurrency),
    repeats: flags.repeats,
    ...given({
      zookeeper: flags.zookeeper,
      json: flags.json,
      csvPath: flags.csv,
      startup: flags.startup,
    }),
  };
  return host.launch({
    role: "bench",
    options,
    verbose,
    quiet: true,
    run: async (context) => {
      const { runBench } = await import("../roles/bench.ts");
      return await runBench(options, context);
    },
  });
}

function taskIn(text: string): PubsubTask {
  try {
    return JSON.parse(text) as PubsubTask;
  } catch (error) {
    throw new UsageError("--client must be JSON: it is what pubsub bench tells its own clients", {
      cause: error,
    });
  }
}
