/** `pubsub demo`: its flags, and what they ask of `roles/demo.ts`. */
import type { Command } from "commander";
import type { Host } from "./host.ts";

interface DemoFlags {
  out?: string;
  verbose?: boolean;
}

/** Adds the command. */
export function addDemoCommand(program: Command, host: Host): void {
  const command = program.command("demo")
    .description("The whole system in under half a minute: zones, history, ownership, a killed primary")
    .optionsGroup("Demo:")
    .option("--out <path>", "keep logs and latency files there (default: a new temporary directory)")
    .option("-v, --verbose", "the stack of a failure, on standard error");
  command.addHelpText(
    "after",
    `
Exit code 1 when something that was promised did not come true.

Examples:
  pubsub demo
  pubsub demo --out demo`,
  );
  command.action((flags: DemoFlags) =>
    host.launch({
      role: "demo",
      options: flags,
      verbose: flags.verbose ?? false,
      run: async (context) => {
        const { demoDirectory, runDemo } = await import("../roles/demo.ts");
        return await runDemo({ out: flags.out ?? demoDirectory() }, context);
      },
    })
  );
}
