/**
 * `pubsub status`: what the system is now, read from ZooKeeper; with `watch` again after each change. How its clients
 * fare is asked of the primaries, who are waited for at most half a second.
 *
 * Nothing is written, and everything that ZooKeeper knows is shown while brokers are dead, which is when it is wanted.
 */
import { systemTable, type ToldHealth } from "../lib/status/system_table.ts";
import type { SystemView } from "../lib/status/system_view.ts";
import { watchSystem } from "../lib/status/system_watch.ts";
import { joinHealth } from "../lib/model/zone_health.ts";
import type { RoleContext } from "./context.ts";
import { pause } from "./leaving.ts";
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
const ANSWER_MS = 500;
/** With `watch`, how often the primaries are asked when nothing else changes. */
const ASK_AGAIN_MS = 2000;

/** Runs the command. */
export async function runStatus(options: StatusOptions, context: RoleContext): Promise<void> {
  await withZooKeeper(options, context.signal, async (zk) => {
    const screen = new Screen(options, context);
    for await (const view of watchSystem(zk, context.signal)) {
      await screen.show(view);
      if (!options.watch) return;
    }
    await screen.close();
  });
}

/** What the clients of all zones tell. */
async function healthOf(view: SystemView): Promise<ToldHealth> {
  const primaries = view.zones.flatMap(({ primary }) =>
    primary === null ? [] : [{ broker: primary.id, control: primary.control }]
  );
  if (primaries.length === 0) {
    return { slow: [], unreached: [], clocks: [], failovers: [], unrecorded: [], unanswered: [] };
  }
  // Sockets are loaded only when there is somebody to ask.
  const { askHealth } = await import("../lib/status/health_query.ts");
  const answers = await askHealth(primaries, ANSWER_MS);
  const unanswered = primaries.map(({ broker }) => broker).filter((broker) => !answers.has(broker));
  return { ...joinHealth(answers.values()), unanswered };
}

/** Shows views, and the last one again when what its clients tell has changed. */
class Screen {
  readonly #options: StatusOptions;
  readonly #context: RoleContext;
  #first = true;
  #refreshing: { stop: AbortController; done: Promise<void> } | undefined;

  constructor(options: StatusOptions, context: RoleContext) {
    this.#options = options;
    this.#context = context;
  }

  async show(view: SystemView): Promise<void> {
    await this.close();
    const health = await healthOf(view);
    this.#draw(view, health);
    if (!this.#options.watch) return;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#context.signal]);
    this.#refreshing = { stop, done: this.#refresh(view, health, signal) };
  }

  async close(): Promise<void> {
    this.#refreshing?.stop.abort();
    await this.#refreshing?.done;
  }

  async #refresh(view: SystemView, shown: ToldHealth, signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(ASK_AGAIN_MS, signal);
      if (signal.aborted) return;
      const health = await healthOf(view);
      if (signal.aborted || JSON.stringify(health) === JSON.stringify(shown)) continue;
      this.#draw(view, shown = health);
    }
  }

  #draw(view: SystemView, health: ToldHealth): void {
    const { json, watch, redraw } = this.#options;
    const { out } = this.#context;
    if (json) return out(JSON.stringify({ ...view, ...health }));
    if (watch) {
      const heading = new Date().toLocaleTimeString("sv");
      out(redraw ? `${CLEAR_SCREEN}${heading}` : this.#first ? heading : `\n${heading}`);
    }
    this.#first = false;
    out(systemTable(view, health).join("\n"));
  }
}
