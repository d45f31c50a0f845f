/**
 * The address of a ZooKeeper ensemble: `host[:port][,host[:port]…][/chroot]`. Pure.
 *
 * An IPv6 address with a port is written in brackets, `[::1]:2181`. The port is 2181 when none is given.
 */
import { UsageError } from "../base/errors.ts";
import { splitHostPort } from "../net/host.ts";
import { formatServer, type Server } from "./server_list.ts";

/** The servers of an ensemble, and the znode under which everything of ours lives. */
export interface ZkAddress {
  hosts: Server[];
  /** `""` or an absolute path such as `/a/b`. */
  chroot: string;
}

const DEFAULT_PORT = 2181;
const RULE = "must be HOST[:PORT][,HOST[:PORT]…][/chroot]";

function invalid(text: string, why: string): UsageError {
  return new UsageError(`Invalid ZooKeeper address ${JSON.stringify(text)}: ${why} (${RULE})`);
}

/** @throws {UsageError} naming the value and the rule. */
export function parseZkAddress(text: string): ZkAddress {
  const trimmed = text.trim();
  const slash = trimmed.indexOf("/");
  const servers = slash === -1 ? trimmed : trimmed.slice(0, slash);
  const chroot = slash === -1 ? "" : trimmed.slice(slash).replace(/\/$/, "");
  const hosts = servers.split(",").map((server) => parseServer(text, server.trim()));
  if (chroot !== "") {
    const segments = chroot.slice(1).split("/");
    if (
      segments.some((segment) =>
        segment === "" || segment === "." || segment === ".." || segment.includes("\0")
      )
    ) {
      throw invalid(text, `the chroot ${JSON.stringify(chroot)} has an empty or relative part`);
    }
    if (chroot.includes(",")) {
      throw invalid(text, "the chroot comes once, after the last server");
    }
  }
  return { hosts, chroot };
}

function parseServer(text: string, server: string): Server {
  if (server === "") throw invalid(text, "a server is empty");
  const parts = splitHostPort(server, { port: "may" });
  if (parts === "ambiguous") {
    throw invalid(text, `write an IPv6 address in brackets, [${server}]:${DEFAULT_PORT}`);
  }
  if (parts === undefined) throw invalid(text, `${JSON.stringify(server)} is not a host`);
  const portText = parts.port;
  const port = portText === undefined ? DEFAULT_PORT : Number(portText);
  if (portText !== undefined && (!/^\d{1,5}$/.test(portText) || port < 1 || port > 65535)) {
    throw invalid(text, `the port ${JSON.stringify(portText)} is not a number from 1 to 65535`);
  }
  return { host: parts.host, port };
}

/** The address as text, in the form {@link parseZkAddress} reads. */
export function formatZkAddress(address: ZkAddress): string {
  return address.hosts.map(formatServer).join(",") + address.chroot;
}
