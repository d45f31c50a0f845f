/** Parsing and printing of the address a server listens on. Pure. */
import { UsageError } from "../errors.ts";

/** A host and a port, 0 for any free one. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Parse `HOST:PORT` or `[IPV6]:PORT`; `*` is every interface.
 *
 * @throws UsageError when it is neither
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new UsageError(`Cannot listen on '${text}': it must be HOST:PORT with a port from 0 to 65535`);
  }
  const hostname = match[1] ?? match[2]!;
  return { hostname: hostname === "*" ? "0.0.0.0" : hostname, port };
}

/** `HOST:PORT`, an IPv6 address in brackets. */
export function formatAddress({ hostname, port }: ListenAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
