/** `pubsub subscriber`: its flags, and what they ask of `roles/subscriber.ts`. */
import { type Command, Option } from "commander";
import { UsageError } from "../lib/base/errors.ts";
import type { OutputFormat } from "../lib/output/sample_encoder.ts";
import type { SubscriberRoleOptions } from "../roles/subscriber.ts";
import {
  addClientFlags,
  addMemberFlags,
  addZoneFlags,
  type ClientFlags,
  launchMember,
  memberOptions,
  requiredTopics,
} from "./common_flags.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";
import { oneOf, wholeNumber } from "./values.ts";

interface SubscriberFlags extends ClientFlags {
  direct?: boolean;
  filename?: string;
  events?: string;
  json?: boolean;
  raw?: boolean;
  quiet?: boolean;
  reliability: "reliable" | "best-effort";
}

const U32_MAX = 0xffff_ffff;

/** Adds the command. */
export function addSubscriberCommand(program: Command, host: Host): void {
  const command = program.command("subscriber")
    .description("Receive samples; every delivered sample, historical or live, is one event");
  addClientFlags(command.optionsGroup("Subscriber:"));
  addOutputFlags(command.optionsGroup("Output:"));
  addQualityFlags(command.optionsGroup("Quality of service:"));
  addMemberFlags(command);
  command.addHelpText(
    "after",
    `
Standard output carries the samples; --raw has no default limit of events. At the end, Ctrl-C included, standard
error gets one line: summary received=... historical=... lost=... fenced=... duplicates=... recovered=... p50_ms=... p99_ms=...
max_gap_ms=...

Examples:
  pubsub subscriber --topics A --topics D --max-event-count 60 --filename s1.csv
  pubsub subscriber --topics A --indefinite --json | jq .latency_ms
  pubsub subscriber --topics A --raw > copy
  pubsub subscriber --topics A --history 20 --centralized`,
  );
  command.action((flags: SubscriberFlags) =>
    launchMember(host, command, subscriberOptions(flags, host), {}, async (options, context) => {
      const { runSubscriber } = await import("../roles/subscriber.ts");
      return await runSubscriber(options, context);
    })
  );
}

function addOutputFlags(command: Command): void {
  command
    .option("--json", "one JSON object a line")
    .option("--raw", "the payloads, each followed by a line feed")
    .option("--quiet", "no samples on standard output")
    .option("-f, --filename <path>", "write the latency of every sample to this CSV file")
    .option(
      "--events <path>",
      "write one JSON object a line for every failure recovered from, and for the clock of the broker",
    );
}

function addQualityFlags(command: Command): void {
  command
    .addOption(
      new Option("--history <n>", "samples of each topic requested from before it joined").default(1)
        .argParser(wholeNumber("--history", 0, U32_MAX)),
    )
    .addOption(
      new Option("--ownership <kind>", "exclusive: only a topic's owner is heard; shared: all are")
        .default("exclusive").argParser(oneOf("--ownership", ["exclusive", "shared"])),
    )
    .addOption(
      new Option(
        "--reliability <kind>",
        "reliable: missed samples are asked for again; best-effort: they are not",
      )
        .default("reliable").argParser(oneOf("--reliability", ["reliable", "best-effort"])),
    )
    .option("-c, --centralized", "receive through brokers (default: as the broker says)")
    .option("--direct", "receive from publishers directly (default: as the broker says)");
  addZoneFlags(command);
}

function subscriberOptions(flags: SubscriberFlags, host: Host): SubscriberRoleOptions {
  if (flags.centralized && flags.direct) {
    throw new UsageError("--centralized and --direct exclude each other: give one");
  }
  const format = outputFormat(flags);
  const limit = flags.maxEventCount ?? (format === "raw" ? undefined : 15);
  return {
    ...memberOptions(flags, host),
    topics: requiredTopics(flags),
    count: flags.count,
    format,
    history: flags.history,
    ownership: flags.ownership,
    reliability: flags.reliability,
    ...given({
      maxEvents: flags.indefinite ? undefined : limit,
      csvPath: flags.filename,
      eventsPath: flags.events,
      centralized: flags.direct ? false : flags.centralized,
      zone: flags.zone,
      assignment: flags.assignment,
    }),
  };
}

function outputFormat(flags: SubscriberFlags): OutputFormat {
  const chosen = (["json", "raw", "quiet"] as const).filter((format) => flags[format]);
  if (chosen.length > 1) {
    throw new UsageError(
      `${chosen.map((format) => `--${format}`).join(" and ")} exclude each other: give one`,
    );
  }
  return chosen[0] ?? "text";
}
