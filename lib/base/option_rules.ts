/**
 * What the options of a public class may be, said once and held against what really comes: from JavaScript anything
 * may, and a word that is not known must not be taken for the default.
 *
 * Guarantee: each error is one line that names the option, its value and the rule.
 */
import { UsageError } from "./errors.ts";
import { printable } from "./printable.ts";

/** Takes a value that is not undefined. @throws {UsageError} when it breaks the rule. */
export type Rule = (value: unknown) => void;

/** A rule for each option, none left out. */
export type Rules<Options> = { readonly [Name in keyof Options]-?: Rule };

/**
 * Holds `options` against `rules`.
 *
 * @param of whose options they are, such as `publisher`
 * @throws {UsageError} for an option that does not exist, or one that breaks its rule.
 */
export function checkOptions<Options extends object>(
  of: string,
  options: Options,
  rules: Rules<Options>,
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new UsageError(`Invalid options ${shown(options)} of a ${of}: must be an object`);
  }
  const names = Object.keys(rules);
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`Unknown option ${shown(unknown)} of a ${of}: must be one of ${names.join(", ")}`);
  }
  for (const [name, rule] of Object.entries<Rule>(rules)) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined) rule(value);
  }
}

/** A copy of the options that there are rules for, wherever they come from; those that are undefined left out. */
export function given<Options extends object>(options: Options, rules: Rules<Options>): Options {
  const names = Object.keys(rules) as (keyof Options)[];
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  ) as Options;
}

/** One of some words. */
export function oneOf(what: string, ...words: string[]): Rule {
  return (value) => {
    if (typeof value === "string" && words.includes(value)) return;
    throw new UsageError(`Invalid ${what} ${shown(value)}: must be ${words.map(shown).join(" or ")}`);
  };
}

/** True or false. */
export function yesOrNo(what: string): Rule {
  return (value) => {
    if (typeof value === "boolean") return;
    throw new UsageError(`Invalid ${what} ${shown(value)}: must be true or false`);
  };
}

/** A text that follows `check`, which throws if it does not. */
export function text(what: string, check: (text: string) => void = () => {}): Rule {
  return (value) => {
    if (typeof value !== "string") throw new UsageError(`Invalid ${what} ${shown(value)}: must be a text`);
    check(value);
  };
}

/** A list of what `item` allows. */
export function listOf(what: string, item: Rule): Rule {
  return (value) => {
    if (!Array.isArray(value)) throw new UsageError(`Invalid ${what} ${shown(value)}: must be a list`);
    // Not forEach, which passes over holes.
    for (const each of value) item(each);
  };
}

/** A whole number between `min` and `max`. */
export function whole(what: string, min: number, max?: number): Rule {
  return (value) => void checkInteger(what, value as number, min, max);
}

/** A finite number. */
export function number(what: string): Rule {
  return (value) => {
    if (typeof value === "number" && Number.isFinite(value)) return;
    throw new UsageError(`Invalid ${what} ${shown(value)}: must be a number`);
  };
}

/** Any object; what is in it is not looked at. */
export function object(what: string): Rule {
  return (value) => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
    throw new UsageError(`Invalid ${what} ${shown(value)}: must be an object`);
  };
}

/** A whole number between `min` and `max`. @throws {UsageError} naming the option, the value and the rule. */
export function checkInteger(
  what: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const rule = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`;
    throw new UsageError(`Invalid ${what} ${shown(value)}: must be a whole number, ${rule}`);
  }
  return value;
}

/** Texts longer than this are cut where they are shown. */
const LONGEST_SHOWN = 60;

/** A value of any kind for one line: texts in quotes, the kind of what has no short notation. */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN - 1)}…` : value);
  }
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return printable(String(value));
  const kind = Array.isArray(value) ? "a list" : printable(value.constructor?.name ?? "an object");
  return kind === "Object" ? "an object" : kind;
}
