/** Which endpoints can be used, and what to tell a user when one cannot. Pure. */
import { isIP } from "node:net";
import { PubsubError } from "../base/errors.ts";

/** What the library's reasons mean for an endpoint. */
const MEANINGS: Record<string, string> = {
  "invalid argument": "not a valid endpoint, expected tcp://host:port",
  "no such device": "no such host, address or network interface here",
  "protocol not supported": "unknown transport, expected tcp://host:port",
};

const TCP = /^tcp:\/\/(\[[^\]/]+\]|[^/\]:]+):(\*|\d{1,5})$/;
const MAX_PORT = 65_535;

/** The parts of a TCP endpoint, an IPv6 host without its brackets; undefined if it is none. */
export function tcpParts(endpoint: string): { host: string; port: string } | undefined {
  const [, host, port] = TCP.exec(endpoint) ?? [];
  if (host === undefined || port === undefined || (port !== "*" && Number(port) > MAX_PORT)) return undefined;
  return { host: host.startsWith("[") ? host.slice(1, -1) : host, port };
}

/**
 * A port that is too big the library cuts to 16 bits, and then uses another one than it was told. A name it looks up
 * where every other connection waits meanwhile, for as long as the name server is silent: it gets addresses only.
 *
 * @param names whether these names may stand in place of an address: those of this machine's interfaces
 */
export function checkEndpoint(
  action: string,
  endpoint: string,
  names: (host: string) => boolean = () => false,
): void {
  if (!endpoint.startsWith("tcp:")) return;
  const parts = tcpParts(endpoint);
  if (parts === undefined) throw endpointError(action, endpoint, "invalid argument");
  if (isIP(parts.host) === 0 && !names(parts.host)) {
    throw endpointError(action, endpoint, "the host must be an address, not a name");
  }
}

/** For example `Cannot listen on tcp://…: address already in use`. */
export function endpointError(action: string, endpoint: string, reason: string): PubsubError {
  return new PubsubError(`Cannot ${action} ${endpoint}: ${MEANINGS[reason] ?? reason}`);
}
