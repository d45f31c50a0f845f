/** Holds the table of limits in ARCHITECTURE.md against the constants of the code. */

/** A row of the table. */
export interface Limit {
  readonly what: string;
  readonly limit: string;
  /** File without its ending, and a constant there or a field of one. */
  readonly constants: readonly { file: string; name: string }[];
}

/** The rows of the table below the heading `Limits`. */
export function readLimits(markdown: string): Limit[] {
  const [, section = ""] = markdown.split(/^## Limits$/m);
  return section.split("\n").filter((line) => line.startsWith("| ")).slice(2).map((line) => {
    const [, what, limit, , , constants = ""] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const named = [...constants.matchAll(/`([a-z_/]+): ([A-Za-z_.]+)`/g)];
    return {
      what: what!,
      limit: limit!,
      constants: named.map(([, file, name]) => ({ file: file!, name: name! })),
    };
  });
}

/** The numbers of a constant: its value, those of its fields, or that of one field, `NAME.field`. */
export function valuesOf(source: string, name: string): number[] {
  const [constant, field] = name.split(".");
  const begun = new RegExp(`\\bconst ${constant}\\b[^=;]*= `).exec(source);
  if (begun === null) return [];
  const text = source.slice(begun.index + begun[0].length);
  const initializer = text.slice(0, text.indexOf(";"));
  const mib = /\bconst MIB = ([^;]*);/.exec(source)?.[1] ?? "";
  const wanted = field === undefined
    ? initializer
    : new RegExp(`\\b${field}: (\\{[^}]*\\}|[^,}]*)`).exec(initializer)?.[1] ?? "";
  return wanted.split(/[,{}]/).map((part) => part.replace(/^\s*\w+:/, "").replaceAll("MIB", `(${mib})`))
    .map(evaluate).filter((value) => value !== undefined);
}

/** A sum of numbers; undefined for anything else. */
export function evaluate(text: string): number | undefined {
  const plain = text.replaceAll(/\/\/.*|(?<=\d)[n_]/g, "").trim();
  if (!/^[\d.\s+*/()<-]+$/.test(plain) || !/\d/.test(plain)) return undefined;
  // Shifts are of numbers below 2^31 here, but for those of bigint.
  const value = Number(new Function(`return ${plain.replaceAll(/(\d+) << (\d+)/g, "$1 * 2 ** $2")};`)());
  return Number.isFinite(value) ? value : undefined;
}

/** How a value may be written: as a number, in bytes, in milliseconds. */
export function forms(value: number): string[] {
  const grouped = (number: number) => number.toLocaleString("en");
  const found = [String(value), grouped(value)];
  if (value % 2 ** 20 === 0) found.push(`${value / 2 ** 20} MiB`);
  if (value % 2 ** 10 === 0) found.push(`${value / 2 ** 10} KiB`);
  if (value % 1_000_000 === 0) found.push(`${value / 1_000_000} million`);
  if (Number.isInteger(Math.log2(value))) {
    found.push(`2^${Math.log2(value)}`, `2 · 2^${Math.log2(value) - 1}`);
  }
  found.push(`${value} ms`, `${grouped(value / 1000)} s`, `${value}nd`);
  if (value === 1000) found.push("a second");
  if (value === 60_000) found.push("a minute");
  return found;
}

/** Whether a text has the value, as a whole. */
export function says(text: string, value: number): boolean {
  return forms(value).some((form) => {
    const escaped = form.replaceAll(/[.^$*+?()[\]{}|\\]/g, "\\$&");
    return new RegExp(`(?<![\\d.,^])${escaped}(?![\\d^]|[.,]\\d)`).test(text);
  });
}
