/** Endpoints (`tcp://host:port`) and what to tell a user when one cannot be used. Pure. */
import { PubsubError } from "../errors.ts";

const REASONS: Record<string, string> = {
  EADDRINUSE: "address in use",
  EADDRNOTAVAIL: "no such address on this host",
  EACCES: "permission denied",
  EINVAL: "not a valid endpoint, expected tcp://host:port",
  ENODEV: "no such network interface",
  ENOENT: "not connected to it",
  EPROTONOSUPPORT: "unknown transport, expected tcp://host:port",
  ENOCOMPATPROTO: "this transport does not suit this kind of socket",
  EMFILE: "out of file descriptors, see ulimit -n",
};

/** `Cannot listen on tcp://…: address in use`. */
export function endpointError(action: string, endpoint: string, error: unknown): PubsubError {
  const code = (error as { code?: unknown } | null)?.code;
  const text = typeof code === "string" ? REASONS[code] ?? code : String(error);
  return new PubsubError(`Cannot ${action} ${endpoint}: ${text}`, { cause: error });
}
