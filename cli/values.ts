/**
 * The values a flag can have: one parser a kind, each names the flag, the rule and the value it refused. Pure.
 *
 * Every parser throws {@link UsageError} (exit code 2) and nothing else.
 */
import { UsageError } from "../lib/base/errors.ts";
import { parseHost } from "../lib/net/host.ts";
import { checkId, checkTopic } from "../lib/base/names.ts";

/** Turns the text behind a flag into its value. */
export type ValueParser<T> = (text: string) => T;

function refuse(flag: string, rule: string, text: string): never {
  const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  throw new UsageError(`${flag} must be ${rule}: got ${JSON.stringify(shown)}`);
}

/** A whole number between `min` and `max`, decimal digits only. */
export function wholeNumber(flag: string, min: number, max = Number.MAX_SAFE_INTEGER): ValueParser<number> {
  const rule = max === Number.MAX_SAFE_INTEGER
    ? `a whole number of at least ${min}`
    : `a whole number between ${min} and ${max}`;
  return (text) => {
    const value = /^[+-]?\d{1,16}$/.test(text.trim()) ? Number(text) : NaN;
    return value >= min && value <= max ? value : refuse(flag, rule, text);
  };
}

/** A length of time in seconds, fractions allowed, at least `min`. */
export function seconds(flag: string, min = 0): ValueParser<number> {
  // setTimeout holds 2^31 - 1 milliseconds: more than that would fire at once.
  const max = 2_147_483;
  const rule = `a number of seconds between ${min} and ${max}`;
  return (text) => {
    const value = decimal(text);
    return value >= min && value <= max ? value : refuse(flag, rule, text);
  };
}

/** A number, fractions allowed, above `bound`. */
export function numberAbove(flag: string, bound: number): ValueParser<number> {
  return (text) => {
    const value = decimal(text);
    return value > bound && Number.isFinite(value) ? value : refuse(flag, `a number above ${bound}`, text);
  };
}

function decimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : NaN;
}

/** A TCP port; 0 means any free one. */
export function port(flag: string): ValueParser<number> {
  return wholeNumber(flag, 0, 65_535);
}

/** A client's or broker's id. */
export function identifier(flag: string): ValueParser<string> {
  return named(flag, checkId);
}

/** A topic: 1 to 255 bytes of UTF-8 without NUL. */
export function topic(flag: string): ValueParser<string> {
  return named(flag, checkTopic);
}

/** A rule of the library, with the flag in front of what it says. */
export function named<T>(flag: string, check: (text: string) => T): ValueParser<T> {
  return (text) => {
    try {
      return check(text);
    } catch (error) {
      throw error instanceof UsageError
        ? new UsageError(`${flag}: ${error.message}`, { cause: error })
        : error;
    }
  };
}

/** One of a few words. */
export function oneOf<T extends string>(flag: string, words: readonly T[]): ValueParser<T> {
  return (text) => words.find((word) => word === text) ?? refuse(flag, words.join(" or "), text);
}

/** A host name or address without a port; an IPv6 address with or without brackets. */
export function host(flag: string): ValueParser<string> {
  return (text) => parseHost(text) ?? refuse(flag, "a host name or address without a port", text);
}

/** For a flag that may be given several times: every value, in the order given. */
export function each<T>(parse: ValueParser<T>): (text: string, before: T[] | undefined) => T[] {
  return (text, before) => [...before ?? [], parse(text)];
}
