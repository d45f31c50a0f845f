/**
 * A network namespace of its own with a loopback, and with a name server that takes every question and answers none.
 * Needs root and `ip`; a test without them is ignored, saying so.
 */
import { type Pubsub, pubsub } from "./process.ts";
import { unrestricted } from "./permissions.ts";

const NAME_SERVER = "127.0.0.9";

function canMake(): boolean {
  if (!unrestricted || Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const name = `pubsub-try-${Deno.pid}`;
  try {
    const made = new Deno.Command("ip", { args: ["netns", "add", name], stdout: "null", stderr: "null" });
    if (!made.outputSync().success) return false;
    new Deno.Command("ip", { args: ["netns", "del", name], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}

/** Whether this run may make namespaces. */
export const mayMakeNamespaces: boolean = canMake();

let made = 0;

/** A namespace. Processes are started in it with `command` in front of theirs. */
export class Namespace implements AsyncDisposable {
  readonly name: string;
  #server: Deno.ChildProcess | undefined;

  private constructor(name: string) {
    this.name = name;
  }

  /** @param hosts lines of its `/etc/hosts` besides the usual ones. */
  static async create(hosts: readonly string[] = []): Promise<Namespace> {
    const namespace = new Namespace(`pubsub-${Deno.pid}-${++made}`);
    const { name, directory } = namespace;
    await Deno.mkdir(directory, { recursive: true });
    await Deno.writeTextFile(`${directory}/resolv.conf`, `nameserver ${NAME_SERVER}\n`);
    await namespace.hosts(hosts);
    await run("ip", "netns", "add", name);
    await run("ip", "-n", name, "link", "set", "lo", "up");
    return namespace;
  }

  get directory(): string {
    return `/etc/netns/${this.name}`;
  }

  /** What to put before a program and its arguments. */
  get command(): readonly string[] {
    return ["ip", "netns", "exec", this.name];
  }

  /** What names mean from now on, besides `localhost`. */
  async hosts(lines: readonly string[]): Promise<void> {
    await Deno.writeTextFile(`${this.directory}/hosts`, ["127.0.0.1 localhost", ...lines, ""].join("\n"));
  }

  /** From now on questions to the name server are taken and not answered. Before, nobody takes them. */
  async silence(): Promise<void> {
    const listen = `const s = Deno.listenDatagram({ transport: "udp", hostname: "${NAME_SERVER}", port: 53 });
      console.log("silent"); for await (const _ of s);`;
    const program = [Deno.execPath(), "eval", "--unstable-net", listen];
    this.#server = new Deno.Command(this.command[0]!, {
      args: [...this.command.slice(1), ...program],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = this.#server.stdout.getReader();
    const { value } = await reader.read();
    if (value === undefined) throw new Error("The silent name server did not start");
    reader.releaseLock();
  }

  /** From now on packets to this port are swallowed. */
  async swallow(port: number): Promise<void> {
    const rule = ["-A", "INPUT", "-p", "tcp", "--dport", String(port), "-j", "DROP"];
    await run(...this.command as [string], "iptables", ...rule);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server) {
      this.#server.kill("SIGKILL");
      await this.#server.stdout.cancel();
      await this.#server.status;
    }
    await run("ip", "netns", "del", this.name);
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** Where ZooKeeper is in a namespace. */
export const INSIDE_ZOOKEEPER = "127.0.0.1:2181";

/** A whole system in a namespace whose name server is silent. */
export class Inside implements AsyncDisposable {
  readonly #processes: Pubsub[] = [];
  constructor(readonly namespace: Namespace) {}

  static async create(hosts: readonly string[] = []): Promise<Inside> {
    const inside = new Inside(await Namespace.create(hosts));
    await inside.namespace.silence();
    const zookeeper = inside.start("zookeeper", "--listen", INSIDE_ZOOKEEPER);
    await zookeeper.prints(1);
    return inside;
  }

  start(...args: string[]): Pubsub {
    const process = pubsub(args, { zookeeper: INSIDE_ZOOKEEPER, within: this.namespace.command });
    this.#processes.push(process);
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes.reverse()) await process.kill();
    await this.namespace[Symbol.asyncDispose]();
  }
}

/** A test that needs a namespace of its own. */
export function namespaceTest(name: string, fn: () => Promise<void>): void {
  const needs = mayMakeNamespaces ? name : `${name} (ignored: needs -A, root and network namespaces)`;
  Deno.test({ name: needs, ignore: !mayMakeNamespaces, fn });
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null", stderr: "piped" })
    .output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
