/** Parsing and printing of the address a server listens on. Pure. */
import { UsageError } from "../base/errors.ts";
import { splitHostPort } from "../net/host.ts";

/** A host and a port, 0 for any free one. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Parse `HOST:PORT` or `[IPV6]:PORT`, the brackets as you like; `*` is every interface.
 *
 * @throws UsageError when it is neither
 */
export function parseListenAddress(text: string): ListenAddress {
  const everywhere = text.startsWith("*:");
  const parts = splitHostPort(everywhere ? `0.0.0.0${text.slice(1)}` : text, { port: "must" });
  if (typeof parts !== "object" || !/^\d{1,5}$/.test(parts.port ?? "") || Number(parts.port) > 65535) {
    throw new UsageError(`Cannot listen on '${text}': it must be HOST:PORT with a port from 0 to 65535`);
  }
  return { hostname: parts.host, port: Number(parts.port) };
}

/** `HOST:PORT`, an IPv6 address in brackets. */
export function formatAddress({ hostname, port }: ListenAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
