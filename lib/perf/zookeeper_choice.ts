/**
 * Which ZooKeeper a run uses: Apache's, where Debian's package is installed, else the embedded one.
 */
import { UsageError } from "../base/errors.ts";
import type { SelfCommand } from "../base/self_command.ts";

export type ZooKeeperKind = "apache" | "embedded";

const JAR = "/usr/share/java/zookeeper.jar";
const MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/** Session time-outs may be 2 to 20 ticks: 1 to 10 seconds. */
const TICK_MS = 500;

/** What `wanted` means on this machine. */
export async function chooseZooKeeper(wanted: ZooKeeperKind | "auto"): Promise<ZooKeeperKind> {
  if (wanted === "embedded") return wanted;
  const [jar, java] = await Promise.all([exists(JAR), exists("/usr/bin/java")]);
  if (jar && java) return "apache";
  if (wanted === "auto") return "embedded";
  throw new UsageError(
    "Apache ZooKeeper is not installed here (apt-get install zookeeper): use --zookeeper-server embedded",
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

/** The command that serves on `address` (HOST:PORT) and keeps its files in `directory`. */
export async function zookeeperCommand(
  kind: ZooKeeperKind,
  address: string,
  directory: string,
  self: SelfCommand,
): Promise<string[]> {
  if (kind === "embedded") {
    const args = ["zookeeper", "--listen", address, "--data-dir", directory, "--tick-time", String(TICK_MS)];
    return [self.command, ...self.args, ...args];
  }
  const [host, port] = address.split(":");
  const config = `${directory}/zoo.cfg`;
  await Deno.writeTextFile(
    config,
    [
      `tickTime=${TICK_MS}`,
      `dataDir=${directory}/data`,
      `clientPort=${port}`,
      `clientPortAddress=${host}`,
      "admin.enableServer=false",
      "maxClientCnxns=0",
      "",
    ].join("\n"),
  );
  return ["/usr/bin/java", "-Xmx256m", "-cp", `${JAR}:/usr/share/java/*`, MAIN, config];
}
