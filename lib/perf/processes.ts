/**
 * The processes of one run: started with a log each, and all of them ended at the end, whatever happens.
 *
 * Guarantee: after `close()` none of them runs. They are asked to leave (SIGTERM), and killed when they have not
 * after a few seconds; the one started first, on which the others depend, after the others. When we are killed
 * ourselves the kernel kills them, where util-linux' setpriv is there to ask it for that.
 */
import { existsSync } from "node:fs";
import { wallClock } from "../base/clock.ts";

/** How a process ended. */
export interface Ended {
  readonly name: string;
  readonly code: number;
  readonly signal: string | null;
  /** Milliseconds since the epoch, when it was seen. */
  readonly time: number;
}

/** A process that was started. */
export interface Started {
  readonly name: string;
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** How it ended; undefined while it runs. */
  readonly result: Ended | undefined;
  /** Asks it to leave. */
  terminate(): void;
}

const GRACE_MS = 5000;
const SETPRIV = "/usr/bin/setpriv";

/** Starts and ends processes. */
export class Processes implements AsyncDisposable {
  readonly #started: Deno.ChildProcess[] = [];
  readonly #running = new Map<Deno.ChildProcess, Promise<Ended>>();

  /** Starts a command that writes both its outputs to the file `log`. */
  start(name: string, [command, ...args]: readonly string[], log: string): Started {
    const guard = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL"] : [];
    // The shell only opens the log and becomes the command: its pid is the command's.
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh", log, ...guard, command ?? "", ...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#started.push(child);
    let result: Ended | undefined;
    const ended = child.status.then(({ code, signal }) => {
      this.#running.delete(child);
      result = { name, code, signal, time: wallClock() };
      return result;
    });
    this.#running.set(child, ended);
    return {
      name,
      pid: child.pid,
      ended,
      get result() {
        return result;
      },
      terminate: () => send(child, "SIGTERM"),
    };
  }

  /** Ends whatever still runs. */
  async close(): Promise<void> {
    const [first, ...others] = this.#started;
    await this.#end(others);
    if (first !== undefined) await this.#end([first]);
  }

  async #end(children: readonly Deno.ChildProcess[]): Promise<void> {
    const running = children.filter((child) => this.#running.has(child));
    const all = Promise.all(running.map((child) => this.#running.get(child)));
    for (const child of running) send(child, "SIGTERM");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<true>((resolve) => timer = setTimeout(() => resolve(true), GRACE_MS));
    const isLate = await Promise.race([all.then(() => false), late]);
    clearTimeout(timer);
    if (!isLate) return;
    for (const child of running) if (this.#running.has(child)) send(child, "SIGKILL");
    await all;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has just ended by itself.
  }
}
