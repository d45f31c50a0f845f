/** `pubsub report`: its flags, and what they ask of `roles/report.ts`. */
import type { Command } from "commander";
import type { Host } from "./host.ts";

/** Adds the command. */
export function addReportCommand(program: Command, host: Host): void {
  const command = program.command("report")
    .description("Pictures, tables and one page with the findings, from the results of perf")
    .argument("<directory>", "what perf wrote to")
    .option("-v, --verbose", "debug log, and the stack of a failure, on standard error");
  command.addHelpText(
    "after",
    `
Examples:
  pubsub report perf-results`,
  );
  command.action((directory: string, flags: { verbose?: boolean }) => {
    const options = { directory };
    return host.launch({
      role: "report",
      options,
      verbose: flags.verbose ?? false,
      run: async (context) => await (await import("../roles/report.ts")).runReport(options, context),
    });
  });
}
