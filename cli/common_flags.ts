/**
 * The flags that several commands share: where ZooKeeper is, who we are, how long a silence means death.
 */
import { type Command, Option } from "commander";
import { UsageError } from "../lib/base/errors.ts";
import { parseZkAddress } from "../lib/zk/address.ts";
import type { RoleContext } from "../roles/context.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";
import { each, identifier, named, oneOf, seconds, wholeNumber } from "./values.ts";
import * as values from "./values.ts";
import { listenAddress } from "./zookeeper_command.ts";
import { DEFAULT_ZOOKEEPER, joinAddresses } from "./zookeeper_addresses.ts";

/** Flags of every command. */
export interface BasicFlags {
  zookeeper?: string[];
  verbose?: boolean;
}

/** Flags of every long-running command. */
export interface MemberFlags extends BasicFlags {
  embeddedZookeeper?: true | string;
  id?: string;
  address?: string;
  bind?: string;
  sessionTimeout?: number;
  heartbeatInterval?: number;
  heartbeatTimeout?: number;
}

/** `--zookeeper` and `--verbose`. */
export function addBasicFlags(command: Command): Command {
  return command
    .optionsGroup("Connection:")
    .addOption(
      new Option(
        "-z, --zookeeper <address>",
        "ZooKeeper, HOST:PORT[,HOST:PORT...][/chroot]; repeatable (default: $PUBSUB_ZOOKEEPER, or 127.0.0.1:2181)",
      ).argParser(each((text) => text)),
    )
    .option("-v, --verbose", "debug log, and the stack of a failure, on standard error");
}

/** `--timeout`, for commands that ask ZooKeeper once. */
export function timeoutFlag(): Option {
  return new Option("--timeout <seconds>", "give up when ZooKeeper does not answer for so long").default(10)
    .argParser(seconds("--timeout", 0.1));
}

/** The flags of every process that is a member of the system. */
export function addMemberFlags(command: Command): Command {
  return addBasicFlags(command)
    .addOption(
      new Option("--embedded-zookeeper [host:port]", "start a ZooKeeper in this process, for others too")
        .argParser(listenAddress("--embedded-zookeeper")),
    )
    .addOption(new Option("--id <id>", "its name; random by default").argParser(identifier("--id")))
    .addOption(
      new Option("--address <host>", "the address others reach this host at; guessed by default")
        .argParser(values.host("--address")),
    )
    .addOption(
      new Option("--bind <host>", "the address to listen on, if it is not the one others reach this host at")
        .argParser(values.host("--bind")),
    )
    .addOption(
      new Option("--session-timeout <seconds>", "ZooKeeper session time-out (default: 4)")
        .argParser(seconds("--session-timeout", 0.1)),
    )
    .addOption(
      new Option("--heartbeat-interval <seconds>", "pause between heartbeats on a connection (default: 0.1)")
        .argParser(seconds("--heartbeat-interval", 0.001)),
    )
    .addOption(
      new Option("--heartbeat-timeout <seconds>", "silence after which a peer counts as dead (default: 0.3)")
        .argParser(seconds("--heartbeat-timeout", 0.001)),
    );
}

/** Flags of publishers and subscribers. */
export interface ClientFlags extends MemberFlags {
  topics?: string[];
  count: number;
  maxEventCount?: number;
  indefinite?: boolean;
  history: number;
  ownership: "exclusive" | "shared";
  centralized?: boolean;
  zone?: number;
  assignment?: "random" | "least-loaded" | "two-choices";
}

/** The flags that publishers and subscribers share, before their own. */
export function addClientFlags(command: Command): Command {
  return command
    .addOption(
      new Option("-t, --topics <topic>", "topic; repeat the flag for more than one (required)")
        .argParser(each(values.topic("--topics"))),
    )
    .addOption(
      new Option("--count <n>", "clients in this process").default(1).argParser(
        wholeNumber("--count", 1, 10_000),
      ),
    )
    .addOption(
      new Option("-m, --max-event-count <n>", "end after so many events (default: 15)")
        .argParser(wholeNumber("--max-event-count", 1)),
    )
    .option("-i, --indefinite", "go on until stopped");
}

/** Where a client goes: its zone. */
export function addZoneFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--zone <n>", "stay in this zone instead of the assigned one")
        .argParser(wholeNumber("--zone", 1)),
    )
    .addOption(
      new Option("--assignment <kind>", "how the zone is chosen: random, least-loaded or two-choices")
        .argParser(oneOf("--assignment", ["random", "least-loaded", "two-choices"])),
    );
}

/** Topics without repetition; at least one. */
export function requiredTopics(flags: ClientFlags): string[] {
  if (flags.topics === undefined) throw new UsageError("--topics is required: name at least one topic");
  return [...new Set(flags.topics)];
}

/** The address of ZooKeeper that the flags, or the environment, name. */
export function zookeeperAddress(flags: BasicFlags, host: Host): string {
  const address = joinAddresses(flags.zookeeper ?? [host.zookeeper || DEFAULT_ZOOKEEPER]);
  named(flags.zookeeper ? "--zookeeper" : "PUBSUB_ZOOKEEPER", parseZkAddress)(address);
  return address;
}

/** What {@link addMemberFlags} means to the library. */
export function memberOptions(flags: MemberFlags, host: Host) {
  return given({
    zookeeper: zookeeperAddress(flags, host),
    id: flags.id,
    address: flags.address,
    bind: flags.bind,
    sessionTimeoutMs: milliseconds(flags.sessionTimeout),
    heartbeatIntervalMs: milliseconds(flags.heartbeatInterval),
    heartbeatTimeoutMs: milliseconds(flags.heartbeatTimeout),
  });
}

function milliseconds(secondsGiven: number | undefined): number | undefined {
  return secondsGiven === undefined ? undefined : Math.round(secondsGiven * 1000);
}

/**
 * Has the host run a member's role; with `--embedded-zookeeper` the server is started around it and its
 * address replaces the one in `options`.
 */
export function launchMember<T extends { zookeeper: string }>(
  host: Host,
  command: Command,
  options: T,
  extra: { dieAfterMs?: number },
  run: (options: T, context: RoleContext) => Promise<number | void>,
): Promise<void> {
  const flags = command.opts<MemberFlags>();
  const embedded = flags.embeddedZookeeper;
  if (embedded !== undefined && flags.zookeeper !== undefined) {
    throw new UsageError("--embedded-zookeeper and --zookeeper exclude each other: give one");
  }
  return host.launch({
    role: command.name(),
    options,
    verbose: flags.verbose ?? false,
    ...extra,
    async run(context) {
      if (embedded === undefined) return await run(options, context);
      const { withEmbeddedZooKeeper } = await import("../roles/embedded_zookeeper.ts");
      return await withEmbeddedZooKeeper(
        embedded === true ? DEFAULT_ZOOKEEPER : embedded,
        context,
        (zookeeper, inner) => run({ ...options, zookeeper }, inner),
      );
    },
  });
}
