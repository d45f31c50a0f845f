/**
 * The command line as a whole: every command, the earlier framework's spellings, and one line for every mistake.
 *
 * Nothing is printed or exited here: help goes to `out`, mistakes are thrown as {@link UsageError}.
 */
import { Command, CommanderError } from "commander";
import { describeBuild } from "../lib/base/build_info.ts";
import { UsageError } from "../lib/base/errors.ts";
import { type KnownFlags, normaliseArguments, roleHint } from "./arguments.ts";
import { addBackupPoolCommand } from "./backup_pool_command.ts";
import { addBenchCommand } from "./bench_command.ts";
import { addBenchClientsCommand, addBenchSquadCommand } from "./bench_clients_command.ts";
import { addBrokerCommand } from "./broker_command.ts";
import { addClearCommand } from "./clear_command.ts";
import { addDemoCommand } from "./demo_command.ts";
import type { Host } from "./host.ts";
import { addPerfCommand } from "./perf_command.ts";
import { addPoolBrokerCommand } from "./pool_broker_command.ts";
import { addPublisherCommand } from "./publisher_command.ts";
import { addReportCommand } from "./report_command.ts";
import { addStatusCommand } from "./status_command.ts";
import { addSubscriberCommand } from "./subscriber_command.ts";
import { addZooKeeperCommand } from "./zookeeper_command.ts";

/** Reads `typed` and has `host` run what it asks for. Resolves when that has ended. */
export async function runProgram(typed: readonly string[], host: Host): Promise<void> {
  const program = buildProgram(host);
  const [first, ...rest] = typed;
  if (first === undefined) {
    const names = program.createHelp().visibleCommands(program).map((command) => command.name());
    throw new UsageError(`a command is required: ${names.join(", ")}`);
  }
  const name = first.startsWith("-") ? first : first.replaceAll("_", "-");
  const command = program.commands.find((candidate) => candidate.name() === name);
  const { args, notices } = command
    ? normaliseArguments(rest, flagsOf(command))
    : { args: rest, notices: [] };
  for (const notice of notices) host.remark(notice);
  // Help for what is no command is the same mistake as what is no command.
  const [about] = args;
  const words =
    name === "help" && about !== undefined && !program.commands.some((one) => one.name() === about)
      ? args
      : [name, ...args];
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw new UsageError(explain(error, program, command, typed), { cause: error });
  }
}

function buildProgram(host: Host): Command {
  const program = new Command("pubsub")
    .description("Publish and subscribe through zones of brokers, coordinated by ZooKeeper")
    .version(describeBuild())
    .helpCommand(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.out(text),
      writeErr: () => {},
      getOutHelpWidth: () => 110,
      getOutHasColors: () => false,
    })
    .addHelpText("after", "\nEvery flag of a command: pubsub <command> --help");
  addBrokerCommand(program, host);
  addBackupPoolCommand(program, host, async (request, context) => {
    const { runBackupPool } = await import("../roles/backup_pool.ts");
    await runBackupPool(request, context);
  });
  addPoolBrokerCommand(program, host);
  addPublisherCommand(program, host);
  addSubscriberCommand(program, host);
  addStatusCommand(program, host);
  addClearCommand(program, host);
  addZooKeeperCommand(program, host);
  addBenchCommand(program, host);
  addBenchClientsCommand(program, host);
  addBenchSquadCommand(program, host);
  addPerfCommand(program, host);
  addReportCommand(program, host);
  addDemoCommand(program, host);
  return program;
}

function flagsOf(command: Command): KnownFlags {
  const flags = new Map<string, "none" | "one" | "maybe">();
  for (const option of command.options) {
    const value = option.required ? "one" : option.optional ? "maybe" : "none";
    if (option.short) flags.set(option.short, value);
    if (option.long) flags.set(option.long, value);
  }
  return { flags };
}

/** What commander says, on one line, with what helps most. */
function explain(
  error: CommanderError,
  program: Command,
  command: Command | undefined,
  typed: readonly string[],
): string {
  const message = error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
  const hint = command ? undefined : roleHint(typed);
  if (hint !== undefined) return hint;
  if (error.code !== "commander.unknownOption" || !command || message.includes("Did you mean")) {
    return message;
  }
  const flag = /'(--?[^'=]+)/.exec(message)?.[1];
  const owners = program.commands.filter((other) =>
    other !== command && other.options.some((option) => option.long === flag || option.short === flag)
  ).map((other) => other.name());
  return owners.length === 0
    ? `${message} (see pubsub ${command.name()} --help)`
    : `${message} for ${command.name()}: it is a flag of ${owners.join(" and ")}`;
}
