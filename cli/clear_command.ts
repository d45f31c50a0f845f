/** `pubsub clear`: its flags, and what they ask of `roles/clear.ts`. */
import type { Command } from "commander";
import { addBasicFlags, type BasicFlags, timeoutFlag, zookeeperAddress } from "./common_flags.ts";
import type { Host } from "./host.ts";

interface ClearFlags extends BasicFlags {
  force?: boolean;
  timeout: number;
}

/** Adds the command. */
export function addClearCommand(program: Command, host: Host): void {
  const command = program.command("clear")
    .description("Remove this system's znodes from ZooKeeper")
    .optionsGroup("Clear:")
    .option("--force", "also while brokers are running")
    .addOption(timeoutFlag());
  addBasicFlags(command);
  command.addHelpText(
    "after",
    `
Examples:
  pubsub clear
  pubsub clear --zookeeper zk1:2181/chat --force`,
  );
  command.action((flags: ClearFlags) => {
    const options = {
      zookeeper: zookeeperAddress(flags, host),
      force: flags.force ?? false,
      timeoutMs: flags.timeout * 1000,
    };
    return host.launch({
      role: "clear",
      options,
      verbose: flags.verbose ?? false,
      quiet: true,
      run: async (context) => await (await import("../roles/clear.ts")).runClear(options, context),
    });
  });
}
