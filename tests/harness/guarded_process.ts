/**
 * A server process for tests: its output in a file that nobody has to drain, and never left behind, whatever way the
 * test's own process ends.
 */

/** Prints the pid, and kills the process when standard input ends. */
const GUARD = `log=$1; shift; exec 3<&0
"$@" >"$log" 2>&1 </dev/null & server=$!
echo $server
{ read -r _ <&3; kill -9 $server 2>/dev/null; } >/dev/null & guard=$!
wait $server; kill $guard 2>/dev/null`;

export class GuardedProcess {
  readonly #log: string;
  readonly #exited: Promise<void>;
  #running = true;

  private constructor(guard: Deno.ChildProcess, readonly pid: number, log: string) {
    this.#log = log;
    this.#exited = guard.status.then(async () => {
      this.#running = false;
      await guard.stdin.close().catch(() => {});
    });
  }

  /** Start `command` with its output in the file `log`. */
  static async start(command: readonly string[], log: string): Promise<GuardedProcess> {
    const guard = new Deno.Command("/bin/sh", {
      args: ["-c", GUARD, "sh", log, ...command],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const printed = guard.stdout.getReader();
    const pid = Number(new TextDecoder().decode((await printed.read()).value).trim());
    await printed.cancel();
    return new GuardedProcess(guard, pid, log);
  }

  get running(): boolean {
    return this.#running;
  }

  signal(name: Deno.Signal): void {
    try {
      Deno.kill(this.pid, name);
    } catch {
      // It has exited already.
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exited;
  }

  /** The last lines it printed. */
  lastLines(count = 12): string {
    try {
      return Deno.readTextFileSync(this.#log).trim().split("\n").slice(-count).join("\n");
    } catch {
      return "it printed nothing";
    }
  }
}
