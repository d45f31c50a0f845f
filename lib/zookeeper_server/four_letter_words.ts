/**
 * The four-letter words: what an operator asks with `nc`, answered as plain text in Apache's format.
 *
 * Pure: everything it prints is handed in.
 */
import type { Engine } from "./engine.ts";
import type { Peer } from "./peer.ts";
import { SERVER_VERSION } from "./protocol.ts";

/** What the words report besides the engine's own state. */
export interface ServerFacts {
  readonly address: string;
  readonly dataDir: string | null;
  readonly tickTimeMs: number;
  readonly upMs: number;
  readonly connections: Iterable<Peer & { readonly queued: number }>;
  readonly connectionCount: number;
  readonly latency: { readonly min: number; readonly avg: number; readonly max: number };
  readonly outstanding: number;
}

const BUILT = "built on TypeScript";

/** The session id as Apache prints it. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** The words there are. */
export const WORDS: readonly string[] = [
  ...["ruok", "isro", "srvr", "stat", "cons", "mntr", "wchs", "wchc", "wchp", "dump", "envi", "conf"],
];

/** Those of Apache's that are not spoken here, whoever asks. */
const OTHER_WORDS = ["crst", "dirs", "gtmk", "hash", "srst", "stmk"];

/** Answered unless somebody asks for more, as by Apache: what it costs does not grow with what others do. */
export const DEFAULT_WORDS: readonly string[] = ["srvr"];

/** What is answered to a word that is not to be answered, as by Apache. */
export function refusal(word: string): string | null {
  const isKnown = WORDS.includes(word) || OTHER_WORDS.includes(word);
  return isKnown ? `${word} is not executed because it is not in the whitelist.\n` : null;
}

/** The answer to `word`, or null when it is not one we know: the connection is then closed without an answer. */
export function answerWord(word: string, engine: Engine, facts: ServerFacts): string | null {
  switch (word) {
    case "ruok":
      return "imok";
    case "isro":
      return "rw";
    case "srvr":
      return `Zookeeper version: ${SERVER_VERSION}, ${BUILT}\n${state(engine, facts)}`;
    case "stat":
      return `Zookeeper version: ${SERVER_VERSION}, ${BUILT}\nClients:\n${clients(facts, false)}\n${
        state(engine, facts)
      }`;
    case "cons":
      return `${clients(facts, true)}\n`;
    case "mntr":
      return monitor(engine, facts);
    case "wchs": {
      const { watchers, paths, watches } = engine.watches.summary();
      return `${watchers} connections watching ${paths} paths\nTotal watches:${watches}\n`;
    }
    case "wchc":
      return [...engine.watches.byWatcher()].map(([peer, paths]) =>
        `${sessionOf(peer)}\n${[...paths].map((path) => `\t${path}\n`).join("")}`
      ).join("");
    case "wchp":
      return [...engine.watches.byPath()].map(([path, peers]) =>
        `${path}\n${[...peers].map((peer) => `\t${sessionOf(peer)}\n`).join("")}`
      ).join("");
    case "dump":
      return dump(engine);
    case "envi":
      return `Environment:\nzookeeper.version=${SERVER_VERSION}, ${BUILT}\nos.name=${Deno.build.os}\n` +
        `os.arch=${Deno.build.arch}\ndeno.version=${Deno.version.deno}\n`;
    case "conf":
      return configuration(engine, facts);
    default:
      return null;
  }
}

function sessionOf(peer: Peer): string {
  return hex(peer.session?.id ?? 0);
}

function state(engine: Engine, facts: ServerFacts): string {
  const { min, avg, max } = facts.latency;
  return [
    `Latency min/avg/max: ${min.toFixed(0)}/${avg.toFixed(4)}/${max.toFixed(0)}`,
    `Received: ${engine.packetsReceived}`,
    `Sent: ${engine.packetsSent}`,
    `Connections: ${facts.connectionCount}`,
    `Outstanding: ${facts.outstanding}`,
    `Zxid: ${hex(engine.zxid)}`,
    "Mode: standalone",
    `Node count: ${engine.tree.size}`,
    "",
  ].join("\n");
}

function clients(facts: ServerFacts, long: boolean): string {
  let text = "";
  for (const peer of facts.connections) {
    const counts = `queued=${peer.queued},recved=${peer.received},sent=${peer.sent}`;
    const session = long && peer.session !== null ? `,sid=${sessionOf(peer)},to=${peer.session.timeout}` : "";
    text += ` /${peer.name}[${peer.session === null ? 0 : 1}](${counts}${session})\n`;
  }
  return text;
}

function monitor(engine: Engine, facts: ServerFacts): string {
  const { min, avg, max } = facts.latency;
  const lines: Record<string, string | number> = {
    zk_version: `${SERVER_VERSION}, ${BUILT}`,
    zk_server_state: "standalone",
    zk_avg_latency: avg.toFixed(4),
    zk_max_latency: max.toFixed(0),
    zk_min_latency: min.toFixed(0),
    zk_packets_received: engine.packetsReceived,
    zk_packets_sent: engine.packetsSent,
    zk_num_alive_connections: facts.connectionCount,
    zk_outstanding_requests: facts.outstanding,
    zk_znode_count: engine.tree.size,
    zk_watch_count: engine.watches.size,
    zk_ephemerals_count: engine.tree.ephemeralCount,
    zk_approximate_data_size: engine.tree.approximateBytes,
    zk_global_sessions: engine.sessions.size,
    zk_uptime: facts.upMs.toFixed(0),
  };
  return Object.entries(lines).map(([name, value]) => `${name}\t${value}\n`).join("");
}

function dump(engine: Engine): string {
  let text = `SessionTracker dump:\n${engine.sessions.size} sessions\n`;
  for (const session of engine.sessions.all()) text += `\t${hex(session.id)}\t${session.timeout}ms\n`;
  const owners = engine.tree.ephemerals();
  text += `ephemeral nodes dump:\nSessions with Ephemerals (${owners.size}):\n`;
  for (const [owner, paths] of owners) {
    text += `${hex(owner)}:\n${[...paths].map((path) => `\t${path}\n`).join("")}`;
  }
  return text;
}

function configuration(engine: Engine, facts: ServerFacts): string {
  const lines: Record<string, string | number> = {
    clientPort: facts.address.substring(facts.address.lastIndexOf(":") + 1),
    clientPortAddress: facts.address,
    dataDir: facts.dataDir ?? "",
    tickTime: facts.tickTimeMs,
    maxClientCnxns: engine.limits.connectionsPerAddress,
    minSessionTimeout: engine.options.minTimeoutMs,
    maxSessionTimeout: engine.options.maxTimeoutMs,
    serverId: 0,
  };
  return Object.entries(lines).map(([name, value]) => `${name}=${value}\n`).join("");
}
