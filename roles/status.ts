/**
 * `pubsub status`: what the system is now, read from ZooKeeper; with `watch` again after each change.
 *
 * Nothing is written and no broker is asked, so it works while brokers are dead, which is when it is wanted.
 */
import { systemTable } from "../lib/system_table.ts";
import type { SystemView } from "../lib/system_view.ts";
import { watchSystem } from "../lib/system_watch.ts";
import type { RoleContext } from "./context.ts";
import { type OperatorOptions, withZooKeeper } from "./operator_session.ts";

/** What is asked of `status`. */
export interface StatusOptions extends OperatorOptions {
  readonly json: boolean;
  /** Again after each change, until stopped. */
  readonly watch: boolean;
  /** Standard output is a terminal: draw over what was there. */
  readonly redraw: boolean;
}

const CLEAR_SCREEN = "\x1b[H\x1b[2J\x1b[3J";

/** Runs the command. */
export async function runStatus(options: StatusOptions, context: RoleContext): Promise<void> {
  await withZooKeeper(options, context.signal, async (zk) => {
    let first = true;
    for await (const view of watchSystem(zk, context.signal)) {
      show(view, first, options, context);
      first = false;
      if (!options.watch) return;
    }
  });
}

function show(view: SystemView, first: boolean, options: StatusOptions, context: RoleContext): void {
  if (options.json) {
    context.out(JSON.stringify(view));
    return;
  }
  const lines = systemTable(view);
  if (options.watch) {
    const heading = new Date().toLocaleTimeString("sv");
    if (options.redraw) context.out(`${CLEAR_SCREEN}${heading}`);
    else context.out(first ? heading : `\n${heading}`);
  }
  context.out(lines.join("\n"));
}
