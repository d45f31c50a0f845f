/** What to tell a user when an endpoint cannot be used. Pure. */
import { PubsubError } from "../errors.ts";

/** What the library's reasons mean for an endpoint. */
const MEANINGS: Record<string, string> = {
  "invalid argument": "not a valid endpoint, expected tcp://host:port",
  "no such device": "no such host, address or network interface here",
  "protocol not supported": "unknown transport, expected tcp://host:port",
};

/** For example `Cannot listen on tcp://…: address already in use`. */
export function endpointError(action: string, endpoint: string, reason: string): PubsubError {
  return new PubsubError(`Cannot ${action} ${endpoint}: ${MEANINGS[reason] ?? reason}`);
}
