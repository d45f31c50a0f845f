/** `pubsub backup-pool`: its flags, and the options that they ask for. */
import { type Command, Option } from "commander";
import { UsageError } from "../lib/errors.ts";
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
  readonly minZones?: number;
  readonly maxZones?: number;
  /** Pause between two steps. */
  readonly cooldownMs?: number;
  /** Standbys of each zone that the pool starts. */
  readonly standbys?: number;
  /** Brokers kept started and waiting. */
  readonly warm?: number;
  /** Whether clients are moved when zones come and go. */
  readonly rebalance: boolean;
  /** What subscribers that do not say get from the pool's brokers. */
  readonly centralized: boolean;
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
  const zones = (flag: string, min: number) => wholeNumber(flag, min, 10_000);
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
    .addOption(new Option("--min-zones <n>", "keep at least so many").argParser(zones("--min-zones", 0)))
    .addOption(new Option("--max-zones <n>", "start at most so many").argParser(zones("--max-zones", 1)))
    .addOption(
      new Option("--cooldown <seconds>", "pause between two steps").argParser(seconds("--cooldown")),
    )
    .addOption(new Option("--standbys <n>", "standbys of each new zone").argParser(zones("--standbys", 0)))
    .addOption(new Option("--warm <n>", "brokers kept started and waiting").argParser(zones("--warm", 0)))
    .option("--no-rebalance", "leave clients in their zones when zones come and go")
    .option("-c, --centralized", "subscribers that do not say receive through brokers (default: directly)")
    .option("-i, --indefinite", "accepted: a pool always runs until it is stopped");
  addMemberFlags(command);
  command.addHelpText(
    "after",
    `
Examples:
  pubsub backup-pool --load-threshold 3
  pubsub backup-pool --load-threshold 30 --max-zones 4 --standbys 1`,
  );
  command.action((flags: BackupPoolFlags) =>
    launchMember(host, command, backupPoolRequest(flags, host), {}, run)
  );
}

function backupPoolRequest(flags: BackupPoolFlags, host: Host): BackupPoolRequest {
  const { loadThreshold, lowThreshold, minZones, maxZones } = flags;
  if (lowThreshold !== undefined && lowThreshold >= loadThreshold) {
    throw new UsageError(
      `--low-threshold must be below --load-threshold ${loadThreshold}: got ${lowThreshold}`,
    );
  }
  if (minZones !== undefined && maxZones !== undefined && minZones > maxZones) {
    throw new UsageError(`--min-zones must be at most --max-zones ${maxZones}: got ${minZones}`);
  }
  return {
    ...memberOptions(flags, host),
    loadThreshold,
    rebalance: flags.rebalance,
    centralized: flags.centralized ?? false,
    ...given({
      lowThreshold,
      minZones,
      maxZones,
      cooldownMs: flags.cooldown === undefined ? undefined : flags.cooldown * 1000,
      standbys: flags.standbys,
      warm: flags.warm,
    }),
  };
}
