/**
 * A Mininet network, made by mininet/network.py, which keeps it up until its standard input ends: when this process
 * dies, however it dies, the network goes and everything that runs in it.
 *
 * Needs root, Debian's `mininet` package and Linux.
 */
import { programRoot } from "../base/build_info.ts";
import { PubsubError, UsageError } from "../base/errors.ts";
import type { Host, Hosts } from "./hosts.ts";
import type { Network } from "./network.ts";

/** How the network is made. */
export interface MininetOptions {
  readonly network: Network;
  readonly switchKind: "linuxbridge" | "ovs";
  /** e.g. `5ms`; null for none. */
  readonly linkDelay: string | null;
  readonly bandwidthMbit: number | null;
  /** File for what Mininet says. */
  readonly log: string;
}

/** What network.py prints, one line: the hosts, or why there are none. */
interface Announcement {
  hosts?: { name: string; ip: string; pid: number }[];
  switch?: string;
  error?: string;
}

const PYTHON = "/usr/bin/python3";
const ZOOKEEPER_PORT = 2181;

/** Makes the network and resolves when it is up. */
export async function mininetHosts(options: MininetOptions, signal: AbortSignal): Promise<Hosts> {
  if (Deno.uid() !== 0) throw new UsageError("Mininet needs root: run it with sudo, or use --local");
  const script = await Deno.makeTempFile({ prefix: "pubsub-network-", suffix: ".py" });
  await Deno.writeTextFile(script, await Deno.readTextFile(`${programRoot()}/mininet/network.py`));
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'log=$1; shift; exec "$@" 2>>"$log"',
      "sh",
      options.log,
      PYTHON,
      script,
      "serve",
      ...flagsOf(options),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const close = async () => {
    await child.stdin.close().catch(() => {});
    await child.status;
    await Deno.remove(script).catch(() => {});
  };
  try {
    const announced = await announcementOf(child.stdout, options.log, signal);
    return { ...upHosts(announced), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function flagsOf({ network, switchKind, linkDelay, bandwidthMbit }: MininetOptions): string[] {
  const shape = network.kind === "tree"
    ? `tree,${network.depth},${network.fanout}`
    : `single,${network.hosts}`;
  return [
    ...["--topo", shape, "--switch", switchKind],
    ...(linkDelay === null ? [] : ["--link-delay", linkDelay]),
    ...(bandwidthMbit === null ? [] : ["--bandwidth", String(bandwidthMbit)]),
  ];
}

async function announcementOf(
  stdout: ReadableStream<Uint8Array>,
  log: string,
  signal: AbortSignal,
): Promise<Announcement> {
  const reader = stdout.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  const leave = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  try {
    let text = "";
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) {
        throw new PubsubError(
          signal.aborted
            ? "Stopped while Mininet was starting"
            : `Mininet did not start the network (see ${log})`,
        );
      }
      text += value;
    }
    const announced = JSON.parse(text) as Announcement;
    if (announced.error !== undefined) throw new PubsubError(`Mininet: ${announced.error}`);
    return announced;
  } finally {
    signal.removeEventListener("abort", leave);
    await reader.cancel().catch(() => {});
  }
}

function upHosts(announced: Announcement): Omit<Hosts, typeof Symbol.asyncDispose> {
  const hosts: Host[] = (announced.hosts ?? []).map(({ name, ip, pid }) => ({
    name,
    address: ip,
    wrap: (command: readonly string[]) => ["mnexec", "-a", String(pid), ...command],
  }));
  return { where: "mininet", hosts, switch: announced.switch ?? null, zookeeperPort: () => ZOOKEEPER_PORT };
}
