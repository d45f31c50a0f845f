/** Which endpoints can be used, and what to tell a user when one cannot. Pure. */
import { PubsubError } from "../errors.ts";

/** What the library's reasons mean for an endpoint. */
const MEANINGS: Record<string, string> = {
  "invalid argument": "not a valid endpoint, expected tcp://host:port",
  "no such device": "no such host, address or network interface here",
  "protocol not supported": "unknown transport, expected tcp://host:port",
};

const TCP = /^tcp:\/\/[^/]+:(\*|\d{1,5})$/;
const MAX_PORT = 65_535;

/** The library cuts a port that is too big to 16 bits, and then uses another port than the one it was told. */
export function checkEndpoint(action: string, endpoint: string): void {
  if (!endpoint.startsWith("tcp:")) return;
  const port = TCP.exec(endpoint)?.[1];
  if (port === undefined || (port !== "*" && Number(port) > MAX_PORT)) {
    throw endpointError(action, endpoint, "invalid argument");
  }
}

/** For example `Cannot listen on tcp://…: address already in use`. */
export function endpointError(action: string, endpoint: string, reason: string): PubsubError {
  return new PubsubError(`Cannot ${action} ${endpoint}: ${MEANINGS[reason] ?? reason}`);
}
