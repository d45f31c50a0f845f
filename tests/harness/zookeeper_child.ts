/**
 * The embedded server as a process that can be killed, with options that the command line does not have.
 *
 * Run as a program it takes `ServerOptions` as JSON and prints the address; imported, it starts that program.
 */
import { fileURLToPath } from "node:url";
import { ZooKeeperServer } from "../../lib/zookeeper_server/server.ts";
import type { ServerOptions } from "../../lib/zookeeper_server/server_options.ts";

/** A server in a process of its own. */
export class ZooKeeperChild implements AsyncDisposable {
  readonly address: string;
  readonly #process: Deno.ChildProcess;
  readonly #complaints: Promise<string>;

  private constructor(address: string, process: Deno.ChildProcess, complaints: Promise<string>) {
    this.address = address;
    this.#process = process;
    this.#complaints = complaints;
  }

  /** Start one. With `killAfterMs` it is killed so long after its start, ready or not; then null may come. */
  static async start(options: ServerOptions, killAfterMs?: number): Promise<ZooKeeperChild | null> {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", fileURLToPath(import.meta.url), JSON.stringify(options)],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => kill(process), killAfterMs);
    const complaints = new Response(process.stderr).text();
    const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await output.read();
    await output.cancel();
    if (value !== undefined && killAfterMs === undefined) {
      return new ZooKeeperChild(value.trim(), process, complaints);
    }
    const { signal } = await process.status;
    clearTimeout(timer);
    const text = await complaints;
    if (signal === "SIGKILL") return null;
    throw new Error(`the server did not start: ${text}`);
  }

  /** SIGKILL; resolves when it is gone. @throws Error with what it said when it had ended by itself */
  async kill(): Promise<void> {
    kill(this.#process);
    const { signal, code } = await this.#process.status;
    const complaints = await this.#complaints;
    if (signal !== "SIGKILL") throw new Error(`the server had ended by itself (${code}): ${complaints}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has exited.
  }
}

if (import.meta.main) {
  const server = await ZooKeeperServer.start(JSON.parse(Deno.args[0]!));
  console.log(server.address);
  await server.failed;
}
