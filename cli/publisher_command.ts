/** `pubsub publisher`: its flags, and what they ask of `roles/publisher.ts`. */
import { type Command, Option } from "commander";
import { UsageError } from "../lib/base/errors.ts";
import type { PublisherRoleOptions } from "../roles/publisher.ts";
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
import { oneOf, port, seconds, wholeNumber } from "./values.ts";

interface PublisherFlags extends ClientFlags {
  sleep?: number;
  message?: string;
  stdin?: boolean;
  keyed?: boolean;
  payloadSize?: number;
  strength: number;
  whenNotOwner?: "drop" | "wait";
  bindPort?: number;
  flow?: "wait" | "drop";
  maxInFlight?: number;
  slowSubscriber?: number;
  waitForSubscribers: number;
}

const U32_MAX = 0xffff_ffff;

/** Adds the command. */
export function addPublisherCommand(program: Command, host: Host): void {
  const command = program.command("publisher")
    .description("Publish events; one event is one sample on each of its topics");
  addClientFlags(command.optionsGroup("Publisher:"));
  addSourceFlags(command.optionsGroup("Source:"));
  addQualityFlags(command.optionsGroup("Quality of service:"));
  addMemberFlags(command);
  command.addHelpText(
    "after",
    `
Examples:
  pubsub publisher --topics A --topics B --max-event-count 120 --sleep 0.5
  pubsub publisher --topics A --indefinite --sleep 0 --payload-size 64
  pubsub publisher --topics A --history 5 --message "hello"
  seq 1 1000000 | pubsub publisher --topics A --stdin --wait-for-subscribers 1`,
  );
  command.action((flags: PublisherFlags) =>
    launchMember(host, command, publisherOptions(flags, host), {}, async (options, context) => {
      const { runPublisher } = await import("../roles/publisher.ts");
      return await runPublisher(options, context);
    })
  );
}

function addSourceFlags(command: Command): void {
  command
    .addOption(
      new Option("-s, --sleep <seconds>", "pause between events, 0 = none (default: 1, with --stdin 0)")
        .argParser(seconds("--sleep")),
    )
    .option("--message <text>", "publish this text (default: an event with address, topic and time)")
    .addOption(
      new Option("--payload-size <bytes>", "publish so many bytes")
        .argParser(wholeNumber("--payload-size", 0, 16_777_216)),
    )
    .option("--stdin", "publish each line of standard input, up to its end unless --max-event-count is given")
    .option("--keyed", "with --stdin: a line is TOPIC<TAB>payload, published on that topic only")
    .addOption(
      new Option("--wait-for-subscribers <n>", "do not begin before so many subscribers have joined")
        .default(0).argParser(wholeNumber("--wait-for-subscribers", 0)),
    );
}

function addQualityFlags(command: Command): void {
  command
    .addOption(
      new Option("--history <n>", "samples of each topic offered to subscribers that join later").default(1)
        .argParser(wholeNumber("--history", 0, U32_MAX)),
    )
    .addOption(
      new Option("--ownership <kind>", "exclusive: only a topic's owner is heard; shared: all are")
        .default("exclusive").argParser(oneOf("--ownership", ["exclusive", "shared"])),
    )
    .addOption(
      new Option("--strength <n>", "of several publishers of a topic the strongest owns it").default(0)
        .argParser(wholeNumber("--strength", Number.MIN_SAFE_INTEGER)),
    )
    .addOption(
      new Option(
        "--when-not-owner <what>",
        "drop the events, or wait (default: wait with --stdin, else drop)",
      )
        .argParser(oneOf("--when-not-owner", ["drop", "wait"])),
    )
    .addOption(
      new Option(
        "--flow <what>",
        "wait for subscribers that are behind, or drop (default: wait with --stdin or --sleep 0)",
      )
        .argParser(oneOf("--flow", ["wait", "drop"])),
    )
    .addOption(
      new Option("--max-in-flight <n>", "samples that may wait for subscribers (default: 100000)")
        .argParser(wholeNumber("--max-in-flight", 1)),
    )
    .addOption(
      new Option(
        "--slow-subscriber <seconds>",
        "no longer wait for a subscriber without progress (default: 5)",
      )
        .argParser(seconds("--slow-subscriber", 0.001)),
    )
    .option("-c, --centralized", "be reachable only through brokers: anonymous")
    .addOption(
      new Option("--bind-port <port>", "port for direct subscribers (default: any free one)")
        .argParser(port("--bind-port")),
    );
  addZoneFlags(command);
}

function publisherOptions(flags: PublisherFlags, host: Host): PublisherRoleOptions {
  checkTogether(flags);
  const sleep = flags.sleep ?? (flags.stdin ? 0 : 1);
  const limit = flags.maxEventCount ?? (flags.stdin ? undefined : 15);
  return {
    ...memberOptions(flags, host),
    topics: requiredTopics(flags),
    count: flags.count,
    source: source(flags),
    sleepMs: sleep * 1000,
    waitForSubscribers: flags.waitForSubscribers,
    history: flags.history,
    ownership: flags.ownership,
    strength: flags.strength,
    // A line that is not read is not lost: neither while another publisher owns the topic nor without ZooKeeper.
    whenNotOwner: flags.whenNotOwner ?? (flags.stdin ? "wait" : "drop"),
    flow: flags.flow ?? (flags.stdin || sleep === 0 ? "wait" : "drop"),
    ...given({
      maxEvents: flags.indefinite ? undefined : limit,
      maxInFlight: flags.maxInFlight,
      slowSubscriberMs: flags.slowSubscriber === undefined ? undefined : flags.slowSubscriber * 1000,
      centralized: flags.centralized,
      bindPort: flags.bindPort,
      zone: flags.zone,
      assignment: flags.assignment,
    }),
  };
}

function source(flags: PublisherFlags): PublisherRoleOptions["source"] {
  if (flags.stdin) return { kind: "lines", keyed: flags.keyed ?? false };
  if (flags.message !== undefined) return { kind: "message", text: flags.message };
  if (flags.payloadSize !== undefined) return { kind: "bytes", size: flags.payloadSize };
  return { kind: "synthetic" };
}

function checkTogether(flags: PublisherFlags): void {
  const sources = [
    flags.stdin ? "--stdin" : undefined,
    flags.message !== undefined ? "--message" : undefined,
    flags.payloadSize !== undefined ? "--payload-size" : undefined,
  ].filter((flag) => flag !== undefined);
  if (sources.length > 1) {
    throw new UsageError(`${sources.join(" and ")} exclude each other: give one source`);
  }
  if (flags.keyed && !flags.stdin) throw new UsageError("--keyed needs --stdin");
  if (flags.stdin && flags.count > 1) {
    throw new UsageError(`--stdin feeds one publisher: --count must be 1, got ${flags.count}`);
  }
  if (flags.bindPort && flags.count > 1) {
    throw new UsageError(`--bind-port is one port: --count must be 1, got ${flags.count}`);
  }
}
