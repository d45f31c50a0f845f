/** `pubsub status`: its flags, and what they ask of `roles/status.ts`. */
import type { Command } from "commander";
import { addBasicFlags, type BasicFlags, timeoutFlag, zookeeperAddress } from "./common_flags.ts";
import type { Host } from "./host.ts";

interface StatusFlags extends BasicFlags {
  json?: boolean;
  watch?: boolean;
  timeout: number;
}

/** Adds the command. */
export function addStatusCommand(program: Command, host: Host): void {
  const command = program.command("status")
    .description("Zones, clients, owners and load, and why something does not match")
    .optionsGroup("Status:")
    .option("--json", "one JSON object")
    .option("--watch", "again whenever something changes, until stopped")
    .addOption(timeoutFlag());
  addBasicFlags(command);
  command.addHelpText(
    "after",
    `
Examples:
  pubsub status
  pubsub status --watch
  pubsub status --json | jq .load`,
  );
  command.action((flags: StatusFlags) => {
    const options = {
      zookeeper: zookeeperAddress(flags, host),
      json: flags.json ?? false,
      watch: flags.watch ?? false,
      redraw: host.terminal,
      timeoutMs: flags.timeout * 1000,
    };
    return host.launch({
      role: "status",
      options,
      verbose: flags.verbose ?? false,
      quiet: true,
      run: async (context) => await (await import("../roles/status.ts")).runStatus(options, context),
    });
  });
}
