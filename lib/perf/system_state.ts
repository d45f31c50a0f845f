/**
 * What `pubsub status --json` says on a host, reduced to what a run waits for. Parsing is total.
 */
import type { Host } from "./hosts.ts";
import type { SelfCommand } from "../base/self_command.ts";

/** The system as seen by a run. */
export interface SystemState {
  /** Id of zone 1's primary; undefined while there is none. */
  readonly primary: string | undefined;
  readonly subscribers: number;
  readonly publishers: number;
}

/** Reads the output of `status --json`; undefined when it is none. */
export function parseState(text: string): SystemState | undefined {
  try {
    const view = JSON.parse(text) as Record<string, unknown>;
    const list = (name: string) => Array.isArray(view[name]) ? view[name] as Record<string, unknown>[] : [];
    const zone = list("zones").find((each) => each.zone === 1);
    const primary = (zone?.primary as { id?: unknown } | null | undefined)?.id;
    return {
      primary: typeof primary === "string" ? primary : undefined,
      subscribers: list("subscribers").length,
      publishers: list("publishers").length,
    };
  } catch {
    return undefined;
  }
}

/** Asks on `host`; undefined while ZooKeeper does not answer. */
export async function systemState(
  host: Host,
  self: SelfCommand,
  zookeeper: string,
): Promise<SystemState | undefined> {
  const [command, ...args] = host.wrap([
    ...[self.command, ...self.args, "status", "--json"],
    ...["--timeout", "2", "--zookeeper", zookeeper],
  ]);
  const { success, stdout } = await new Deno.Command(command ?? "", {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).output();
  return success ? parseState(new TextDecoder().decode(stdout)) : undefined;
}
