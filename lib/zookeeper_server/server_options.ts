/** How an embedded server is started, and a look at one that runs. */
import { UsageError } from "../base/errors.ts";
import { checkOptions, listOf, type Rules, text, whole } from "../base/option_rules.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";

/** How to start a server. */
export interface ServerOptions {
  /** `HOST:PORT` or `[IPV6]:PORT`; port 0 is any free one, see the server's `address`. */
  readonly listen: string;
  /** Where the log and the snapshots are. Without it nothing is kept. */
  readonly dataDir?: string;
  /** ZooKeeper's tick in milliseconds. Session time-outs lie between 2 and 20 ticks. @default 2000 */
  readonly tickTimeMs?: number;
  /** The smallest session time-out, if 2 ticks are too long. For tests and demonstrations. */
  readonly minSessionTimeoutMs?: number;
  /** The largest session time-out. @default 20 ticks */
  readonly maxSessionTimeoutMs?: number;
  /** Four-letter words that are answered. @default srvr */
  readonly words?: readonly string[];
  /** Bounds other than the default ones. */
  readonly limits?: Partial<Limits>;
}

const LIMIT_NAMES = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];
const LIMIT_RULES = Object.fromEntries(LIMIT_NAMES.map((name) => [name, whole(`limit ${name}`, 0)])) as Rules<
  Limits
>;
/** What its options may be. */
export const SERVER_RULES: Rules<ServerOptions> = {
  listen: text("listen address"),
  dataDir: text("data directory", (path) => {
    if (path === "") throw new UsageError('Invalid data directory "": must not be empty');
  }),
  tickTimeMs: whole("tick time", 1, 3_600_000),
  minSessionTimeoutMs: whole("smallest session time-out", 1),
  maxSessionTimeoutMs: whole("longest session time-out", 1),
  words: listOf("words", text("four-letter word")),
  limits: (limits) => checkOptions("server's limits", limits as Partial<Limits>, LIMIT_RULES),
};

/** A look at a running server. */
export interface ServerStats {
  /** Open ones. */
  readonly connections: number;
  /** Sessions that are not over. */
  readonly sessions: number;
  /** Znodes, the root and those of the server itself included. */
  readonly nodes: number;
  /** Of these, such as end with a session. */
  readonly ephemerals: number;
  /** Of all connections. */
  readonly watches: number;
  /** Number of the last transaction. */
  readonly zxid: number;
  /** Requests since the start. */
  readonly packetsReceived: number;
  /** Answers and watch events since the start. */
  readonly packetsSent: number;
}
