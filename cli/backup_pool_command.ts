/** `pubsub backup-pool`: its flags, and the options that they ask for. */
import { type Command, Option } from "commander";
import { UsageError } from "../lib/base/errors.ts";
import type { RoleContext } from "../roles/context.ts";
import { addMemberFlags, launchMember, type MemberFlags, memberOptions } from "./common_flags.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";
import { numberAbove, seconds, wholeNumber } from "./values.ts";

/** What the flags ask of a pool. What was not given is the pool's to choose. */
export interface BackupPoolRequest extends ReturnType<typeof memberOptions> {
  /** A zone is started while the load is above it. */
  readonly loadThreshold: number;
  /** A zone is ended while the load is below it. */
  readonly lowThreshold?: number;
  /** Zones that there are at least, whoever runs them. */
  readonly minZones?: number;
  /** Zones that this pool runs at most. */
  readonly maxZones?: number;
  /** How long the load must be low, and nothing changed, before a zone is ended. */
  readonly cooldownMs?: number;
  /** Standbys of each zone that the pool starts. */
  readonly standbys?: number;
  /** Brokers kept started and waiting. */
  readonly warm?: number;
  /** Whether clients are moved when zones come and go. */
  readonly rebalance: boolean;
  /** What subscribers that do not say get from the pool's brokers. */
  readonly centralized: boolean;
  /** Debug log of its brokers. */
  readonly verbose?: boolean;
}

interface BackupPoolFlags extends MemberFlags {
  loadThreshold: number;
  lowThreshold?: number;
  minZones?: number;
  maxZones?: number;
  cooldown?: number;
  standbys?: number;
  warm?: number;
  rebalance: boolean;
  centralized?: boolean;
}

/** Adds the command; `run` is the pool. */
export function addBackupPoolCommand(
  program: Command,
  host: Host,
  run: (request: BackupPoolRequest, context: RoleContext) => Promise<number | void>,
): void {
  const zones = (flag: string, min: number) => wholeNumber(flag, min, 1000);
  const command = program.command("backup-pool")
    .description("Start brokers in new zones while the load is high, end them while it is low")
    .optionsGroup("Backup pool:")
    .addOption(
      new Option("--load-threshold <load>", "new zone while there are more clients a zone than this").default(
        3,
      )
        .argParser(numberAbove("--load-threshold", 0)),
    )
    .addOption(
      new Option("--low-threshold <load>", "one zone less below this (default: half the load threshold)")
        .argParser(numberAbove("--low-threshold", 0)),
    )
    .addOption(
      new Option("--min-zones <n>", "zones that there are at least, whoever runs them (default: 0)")
        .argParser(zones("--min-zones", 0)),
    )
    .addOption(
      new Option("--max-zones <n>", "zones that this pool runs at most (default: 10)")
        .argParser(zones("--max-zones", 1)),
    )
    .addOption(
      new Option(
        "--cooldown <seconds>",
        "end a zone when the load was low, and nothing changed, for so long (default: 5)",
      ).argParser(seconds("--cooldown")),
    )
    .addOption(
      new Option("--standbys <n>", "standbys of each new zone (default: 0)").argParser(
        zones("--standbys", 0),
      ),
    )
    .addOption(
      new Option("--warm <n>", "brokers kept started, so that the next zones serve at once (default: 1)")
        .argParser(zones("--warm", 0)),
    )
    .option(
      "--no-rebalance",
      "leave clients in their zones when zones appear (default: only the excess moves)",
    )
    .option("-c, --centralized", "subscribers that do not say receive through brokers (default: directly)")
    .option("-i, --indefinite", "accepted: a pool always runs until it is stopped");
  addMemberFlags(command);
  command.addHelpText(
    "after",
    `
Each broker is a process of its own and ends with the pool, even when the pool is killed. Of several pools one decides
for all. Why zones were started and ended: pubsub status.

Examples:
  pubsub backup-pool --load-threshold 3
  pubsub backup-pool --load-threshold 30 --max-zones 4 --standbys 1`,
  );
  command.action((flags: BackupPoolFlags) =>
    launchMember(host, command, backupPoolRequest(flags, host), {}, run)
  );
}

function backupPoolRequest(flags: BackupPoolFlags, host: Host): BackupPoolRequest {
  const { loadThreshold, lowThreshold } = flags;
  if (lowThreshold !== undefined && lowThreshold >= loadThreshold) {
    throw new UsageError(
      `--low-threshold must be below --load-threshold ${loadThreshold}: got ${lowThreshold}`,
    );
  }
  return {
    ...memberOptions(flags, host),
    loadThreshold,
    rebalance: flags.rebalance,
    centralized: flags.centralized ?? false,
    ...given({
      lowThreshold,
      minZones: flags.minZones,
      maxZones: flags.maxZones,
      cooldownMs: flags.cooldown === undefined ? undefined : flags.cooldown * 1000,
      standbys: flags.standbys,
      warm: flags.warm,
      verbose: flags.verbose,
    }),
  };
}
