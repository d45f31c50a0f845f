/** `pubsub broker`: its flags, and what they ask of `roles/broker.ts`. */
import { type Command, Option } from "commander";
import type { BrokerRoleOptions } from "../roles/broker.ts";
import { addMemberFlags, launchMember, type MemberFlags, memberOptions } from "./common_flags.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";
import { each, port, seconds, wholeNumber } from "./values.ts";

interface BrokerFlags extends MemberFlags {
  zone: number;
  centralized?: boolean;
  controlPort?: number[];
  ingressPort?: number;
  egressPort?: number;
  autokill?: number;
  rebalance: boolean;
}

/** Adds the command. */
export function addBrokerCommand(program: Command, host: Host): void {
  const command = program.command("broker")
    .description("One broker: the primary of its zone, or a standby that takes over")
    .optionsGroup("Broker:")
    .addOption(new Option("--zone <n>", "its zone").default(1).argParser(wholeNumber("--zone", 1)))
    .option("-c, --centralized", "subscribers that do not say receive through brokers (default: directly)")
    .addOption(
      new Option("--control-port <port>", "port for registrations; repeatable (default: any free one)")
        .argParser(each(port("--control-port"))),
    )
    .addOption(
      new Option("--ingress-port <port>", "port that publishers send to (default: any free one)")
        .argParser(port("--ingress-port")),
    )
    .addOption(
      new Option("--egress-port <port>", "port that subscribers receive from (default: any free one)")
        .argParser(port("--egress-port")),
    )
    .option("--no-rebalance", "do not move clients to zones that appear (default: only the excess moves)")
    .addOption(
      new Option("--autokill <seconds>", "die by itself after that time, as if killed (kill -9)")
        .argParser(seconds("--autokill", 0.001)),
    )
    .option("-i, --indefinite", "accepted: a broker always runs until it is stopped");
  addMemberFlags(command);
  command.addHelpText(
    "after",
    `
Examples:
  pubsub broker --zone 1 --embedded-zookeeper     first broker, with a ZooKeeper of its own
  pubsub broker --zone 1                          a standby for it
  pubsub broker --zone 2 --centralized -z zk1:2181,zk2:2181/chat`,
  );
  command.action((flags: BrokerFlags) => {
    const extra = flags.autokill === undefined ? {} : { dieAfterMs: flags.autokill * 1000 };
    return launchMember(host, command, brokerOptions(flags, host), extra, async (options, context) => {
      const { runBroker } = await import("../roles/broker.ts");
      return await runBroker(options, context);
    });
  });
}

function brokerOptions(flags: BrokerFlags, host: Host): BrokerRoleOptions {
  return {
    ...memberOptions(flags, host),
    ...given({
      zone: flags.zone,
      centralized: flags.centralized,
      controlPorts: flags.controlPort === undefined ? undefined : [...new Set(flags.controlPort)],
      ingressPort: flags.ingressPort,
      egressPort: flags.egressPort,
      rebalance: flags.rebalance ? undefined : false,
    }),
  };
}
