/** `pubsub pool-broker`, which `backup-pool` starts; of no use to people, so it is not in the list of commands. */
import type { Command } from "commander";
import type { PoolBrokerOptions } from "../roles/pool_broker.ts";
import { addMemberFlags, launchMember, type MemberFlags, memberOptions } from "./common_flags.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";

interface PoolBrokerFlags extends MemberFlags {
  rebalance: boolean;
  centralized?: boolean;
}

/** Adds the command. */
export function addPoolBrokerCommand(program: Command, host: Host): void {
  const command = program.command("pool-broker", { hidden: true })
    .description("A broker of a backup pool: started by it, told on standard input what to do")
    .option("--no-rebalance", "leave clients in their zones when zones appear")
    .option("-c, --centralized", "subscribers that do not say receive through brokers");
  addMemberFlags(command);
  command.action((flags: PoolBrokerFlags) => {
    const options: PoolBrokerOptions = {
      ...memberOptions(flags, host),
      rebalance: flags.rebalance,
      ...given({ centralized: flags.centralized }),
    };
    return launchMember(host, command, options, {}, async (request, context) => {
      const { runPoolBroker } = await import("../roles/pool_broker.ts");
      await runPoolBroker(request, context);
    });
  });
}
