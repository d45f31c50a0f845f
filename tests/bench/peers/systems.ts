/**
 * The systems that pubsub is compared with, as far as they are installed (Debian: nats-server, mosquitto, libzmq3-dev
 * and gcc, python3-zmq). Each does the same job with its own servers, in processes of their own on loopback.
 */
import { Child, type CommandLine } from "../../../lib/bench/child.ts";
import type { RunningSystem, Shape, System } from "../../../lib/bench/job.ts";
import type { ClientTask } from "../../../lib/bench/protocol.ts";

const READY_MS = 10_000;
const HERE = import.meta.dirname!;

/** A system that is there, and which version. */
export interface Peer {
  system: System;
  /** Whether it can do without a server in between. */
  direct: boolean;
  version: string;
}

/** The first line that a command prints, or undefined when it is not there. */
function firstLine(command: string, ...args: string[]): string | undefined {
  try {
    const { success, stdout } = new Deno.Command(command, {
      args,
      stderr: "null",
    }).outputSync();
    return success || stdout.length > 0 ? new TextDecoder().decode(stdout).split("\n")[0]!.trim() : undefined;
  } catch {
    return undefined;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A client in TypeScript beside this file, with the packages of its own deno.json. */
function denoClient(file: string, task: ClientTask): CommandLine {
  const args = [
    "run",
    "-A",
    "--quiet",
    "--config",
    `${HERE}/deno.json`,
    `${HERE}/${file}`,
    JSON.stringify(task),
  ];
  return { command: Deno.execPath(), args };
}

async function startServer(
  name: string,
  command: CommandLine,
  ready: RegExp,
  signal: AbortSignal,
): Promise<{ child: Child; found: RegExpExecArray }> {
  const child = new Child(name, command);
  try {
    return { child, found: await child.line(ready, READY_MS, signal) };
  } catch (error) {
    await child.close();
    throw error;
  }
}

/** nats-server and its JavaScript client. */
class Nats implements System {
  readonly name = "NATS";

  async start(_shape: Shape, signal: AbortSignal): Promise<RunningSystem> {
    const command = {
      command: "nats-server",
      args: ["-a", "127.0.0.1", "-p", "-1"],
    };
    const { child, found } = await startServer(
      "nats-server",
      command,
      /client connections on (\S+)/,
      signal,
    );
    return {
      address: found[1]!,
      servers: [{ name: "nats-server", pid: child.pid }],
      client: (task) => denoClient("nats_client.ts", task),
      [Symbol.asyncDispose]: () => child.close(),
    };
  }
}

/** Mosquitto and MQTT.js. */
class Mosquitto implements System {
  readonly name = "MQTT";

  async start(_shape: Shape, signal: AbortSignal): Promise<RunningSystem> {
    const port = freePort();
    const config = await Deno.makeTempFile({
      prefix: "mosquitto-",
      suffix: ".conf",
    });
    await Deno.writeTextFile(
      config,
      `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n`,
    );
    try {
      const command = { command: "mosquitto", args: ["-c", config, "-v"] };
      const quiet = { ...command, args: ["-c", config] };
      const { child } = await startServer(
        "mosquitto",
        quiet,
        /mosquitto version \S+ running/,
        signal,
      );
      return {
        address: `127.0.0.1:${port}`,
        servers: [{ name: "mosquitto", pid: child.pid }],
        client: (task) => denoClient("mqtt_client.ts", task),
        [Symbol.asyncDispose]: () => child.close(),
      };
    } finally {
      await Deno.remove(config);
    }
  }
}

/** ZeroMQ without us: PUB and SUB sockets, a proxy between them or not. */
class Zeromq implements System {
  readonly name: string;
  readonly #command: readonly string[];
  readonly #direct: boolean;

  constructor(name: string, command: readonly string[], direct: boolean) {
    this.name = name;
    this.#command = command;
    this.#direct = direct;
  }

  #line(...args: (string | number)[]): CommandLine {
    const [command, ...first] = this.#command as [string, ...string[]];
    return { command, args: [...first, ...args.map(String)] };
  }

  #client(
    task: ClientTask,
    publisher: (string | number)[],
    subscriber: string[],
  ): CommandLine {
    const { role, index, publishers, payloadBytes, rate } = task;
    return this.#line(
      role,
      index,
      publishers,
      payloadBytes,
      rate,
      ...(role === "publisher" ? publisher : subscriber),
    );
  }

  async start(
    { publishers, subscribers }: Shape,
    signal: AbortSignal,
  ): Promise<RunningSystem> {
    if (this.#direct) {
      const endpoints = Array.from(
        { length: publishers },
        () => `tcp://127.0.0.1:${freePort()}`,
      );
      return {
        address: "",
        servers: [],
        client: (task) =>
          this.#client(
            task,
            [subscribers, "bind", endpoints[task.index]!],
            endpoints,
          ),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    }
    const { child, found } = await startServer(
      "proxy",
      this.#line("proxy"),
      /^proxy (\S+) (\S+)/,
      signal,
    );
    const [, ingress, egress] = found;
    return {
      address: "",
      servers: [{ name: "proxy", pid: child.pid }],
      client: (task) => this.#client(task, [1, "connect", ingress!], [egress!]),
      [Symbol.asyncDispose]: () => child.close(),
    };
  }
}

/** Compile the C client. @returns its path, or undefined when there is no compiler or no libzmq to compile with. */
async function compileC(directory: string): Promise<string | undefined> {
  const program = `${directory}/libzmq`;
  try {
    const args = ["-O2", "-o", program, `${HERE}/libzmq.c`, "-lzmq"];
    const { success } = await new Deno.Command("gcc", {
      args,
      stdout: "null",
      stderr: "null",
    }).output();
    return success ? program : undefined;
  } catch {
    return undefined;
  }
}

/** Everything that is installed. @param directory for what has to be compiled. */
export async function installedPeers(
  directory: string,
  direct: boolean,
): Promise<Peer[]> {
  const peers: Peer[] = [];
  const nats = firstLine("nats-server", "--version");
  if (nats !== undefined) {
    peers.push({
      system: new Nats(),
      direct: false,
      version: `${nats}, ${packageOf("@nats-io/transport-node")}`,
    });
  }
  const mosquitto = firstLine("mosquitto", "-h");
  if (mosquitto !== undefined) {
    peers.push({
      system: new Mosquitto(),
      direct: false,
      version: `${mosquitto}, ${packageOf("mqtt")}`,
    });
  }
  const python = ["/usr/bin/python3", `${HERE}/pyzmq_client.py`];
  const pyzmq = firstLine(python[0]!, python[1]!, "version");
  if (pyzmq !== undefined && pyzmq !== "") {
    peers.push({
      system: new Zeromq("pyzmq", python, direct),
      direct: true,
      version: `pyzmq ${pyzmq}`,
    });
  }
  const program = await compileC(directory);
  if (program !== undefined) {
    const version = `libzmq ${firstLine(program, "version")}, in C`;
    peers.push({
      system: new Zeromq("C libzmq", [program], direct),
      direct: true,
      version,
    });
  }
  return direct ? peers.filter((peer) => peer.direct) : peers;
}

/** `name version` of a package of this folder's deno.json. */
function packageOf(name: string): string {
  const { imports } = JSON.parse(
    Deno.readTextFileSync(`${HERE}/deno.json`),
  ) as { imports: Record<string, string> };
  return imports[name]!.replace("npm:", "").replace(/@(?=[^@]*$)/, " ");
}
