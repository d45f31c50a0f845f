/** How a host is written: as a name, an IPv4 address, or an IPv6 address with or without brackets. Pure. */
import { isIP } from "node:net";
import { UsageError } from "../base/errors.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** A host without the brackets that an IPv6 address has where a port follows. */
export function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

/** Whether it is an address, not a name. Brackets and an interface (`fe80::1%eth0`) are allowed. */
export function isAddress(host: string): boolean {
  return isIP(withoutBrackets(host)) !== 0;
}

/** The host without brackets; undefined if it is none. */
export function parseHost(text: string): string | undefined {
  const bare = withoutBrackets(text);
  const isOne = bare === text ? NAME.test(text) || isIP(text) !== 0 : isIP(bare) === 6;
  return isOne ? bare : undefined;
}

/**
 * The same.
 *
 * @param what the option, for the error
 * @throws {UsageError} naming the option, the value and the rule.
 */
export function checkHost(what: string, text: string): string {
  const host = parseHost(text);
  if (host !== undefined) return host;
  const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  throw new UsageError(
    `Invalid ${what} ${JSON.stringify(shown)}: must be a host name or address without a port`,
  );
}

/**
 * A host and what follows it behind a colon. Without brackets a host may be an IPv6 address only if it cannot be meant
 * otherwise: `fe80::1`, but not `fe80::1:2181`, which is an address as it is and one with a port.
 *
 * @param options.port whether a port must follow: then the last colon is before it.
 * @returns undefined if it is neither; `ambiguous` if it may be read in both ways.
 */
export function splitHostPort(
  text: string,
  options: { port: "must" | "may" },
): { host: string; port: string | undefined } | "ambiguous" | undefined {
  const bracketed = /^(\[[^\]]+\])(?::(.*))?$/.exec(text);
  const colon = text.lastIndexOf(":");
  const before = colon < 0 ? text : text.slice(0, colon);
  if (!bracketed && options.port === "may" && isIP(text) === 6) {
    return isIP(before) === 6 ? "ambiguous" : { host: text, port: undefined };
  }
  const host = parseHost(bracketed ? bracketed[1]! : before);
  const port = bracketed ? bracketed[2] : colon < 0 ? undefined : text.slice(colon + 1);
  if (host === undefined || (port === undefined && options.port === "must")) return undefined;
  return { host, port };
}
