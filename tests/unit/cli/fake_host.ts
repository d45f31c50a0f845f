/** A process around the command line that starts nothing and remembers what it was asked. */
import type { Host, Launch } from "../../../cli/host.ts";
import { runProgram } from "../../../cli/program.ts";

export interface Asked {
  launch: Launch | undefined;
  out: string;
  remarks: string[];
}

/** What a command line asks for. Rejects like `runProgram`. */
export async function ask(words: string | string[], zookeeper?: string): Promise<Asked> {
  const asked: Asked = { launch: undefined, out: "", remarks: [] };
  const host: Host = {
    zookeeper,
    terminal: false,
    out: (text) => void (asked.out += text),
    remark: (line) => void asked.remarks.push(line),
    launch(launch) {
      asked.launch = launch;
      return Promise.resolve();
    },
  };
  await runProgram(typeof words === "string" ? words.split(" ") : words, host);
  return asked;
}

/** The options that a command line gives its role. */
export async function optionsOf(
  words: string | string[],
  zookeeper?: string,
): Promise<Record<string, unknown>> {
  const { launch } = await ask(words, zookeeper);
  if (!launch) throw new Error(`nothing was launched by: ${words}`);
  return launch.options as Record<string, unknown>;
}
