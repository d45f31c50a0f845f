/** Holds the imports of lib/ against the table of rooms in ARCHITECTURE.md. */

/** A line of the table. */
export interface Room {
  readonly pure: boolean;
  readonly imports: readonly string[];
  readonly packages: readonly string[];
}

/** Rooms by name; `mod.ts` is one, too. */
export type Plan = ReadonlyMap<string, Room>;

/** A file of lib/: its path there, such as `zk/watch.ts`. */
export interface Source {
  path: string;
  text: string;
}

const LINE = /^\| `([a-z_.]+)` +\| (.*?) +\| (.*?) +\| (.*?) +\|$/gm;

/** The table of rooms in a Markdown text. @throws {Error} for a table with a circle or a room without a line. */
export function readPlan(markdown: string): Plan {
  const list = (cell: string) => cell === "-" ? [] : cell.replaceAll("`", "").split(/, */);
  const plan = new Map<string, Room>();
  for (const [, name, purpose, imports, packages] of markdown.matchAll(LINE)) {
    const pure = purpose!.startsWith("pure:");
    plan.set(name!, { pure, imports: list(imports!), packages: list(packages!) });
  }
  if (plan.size === 0) throw new Error("The map has no room");
  for (const [name, { imports }] of plan) {
    const unknown = imports.find((each) => !plan.has(each));
    if (unknown !== undefined) throw new Error(`${name} may import ${unknown}, which has no line`);
  }
  for (const name of plan.keys()) refuseCircle(plan, [name]);
  return plan;
}

function refuseCircle(plan: Plan, way: readonly string[]): void {
  for (const next of plan.get(way.at(-1)!)!.imports) {
    if (way.includes(next)) throw new Error(`The map has a circle: ${[...way, next].join(" → ")}`);
    refuseCircle(plan, [...way, next]);
  }
}

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g;
/** What of the runtime's modules pure rooms may use: it computes. */
const PURE_MODULES = ["node:buffer"];
const TOUCHES =
  /\b(?:Deno|performance|globalThis|crypto|process|Worker|AbortSignal)\b|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bDate\b(?!\()|\bnew Date(?:\(\)|\b(?!\())|\bMath\.random\b|\bfetch\(|\brandom(?:Id|Incarnation)\b/;
/** What of `base` looks at a clock, waits, writes or reaches outside. */
const IMPURE =
  /^\/lib\/base\/(?:clock|pause|patience|log|whole_file|self_command|build_info|replace_process|c_library|lifecycle)\.ts$/;

/** What the plan does not allow, a line each. */
export function trespasses(plan: Plan, sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const name = path.split("/")[0]!;
    const room = plan.get(name);
    if (room === undefined) return [`lib/${path}: the map in ARCHITECTURE.md has no room ${name}`];
    const code = withoutComments(text);
    const at = (index: number) => `lib/${path}:${code.slice(0, index).split("\n").length}`;
    const imports = [...code.matchAll(IMPORT)].flatMap((match) => {
      const why = refused(room, name, path, match[1]!) ??
        (room.pure ? impure(path, match[1]!) : undefined);
      return why === undefined ? [] : [`${at(match.index + match[0].length)}: ${name} ${why}`];
    });
    return room.pure ? [...imports, ...touches(code, `lib/${path}`, name)] : imports;
  });
}

function refused(room: Room, name: string, path: string, specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return undefined;
  if (!specifier.startsWith(".")) {
    const used = room.packages.some((each) => specifier === each || specifier.startsWith(`${each}/`));
    return used ? undefined : `may not use the package ${specifier}`;
  }
  const target = new URL(specifier, `file:///lib/${path}`).pathname;
  if (target === "/deno.json") return undefined;
  if (!target.startsWith("/lib/")) return `may not import what is above lib/ (${specifier})`;
  const other = target.split("/")[2]!;
  return other === name || room.imports.includes(other)
    ? undefined
    : `may not import ${other} (${specifier})`;
}

function impure(path: string, specifier: string): string | undefined {
  const outside = specifier.startsWith("node:")
    ? !PURE_MODULES.includes(specifier)
    : specifier.startsWith(".") && IMPURE.test(new URL(specifier, `file:///lib/${path}`).pathname);
  return outside ? `is pure, and imports ${specifier}` : undefined;
}

function touches(code: string, file: string, name: string): string[] {
  return code.split("\n").flatMap((line, index) => {
    const touched = TOUCHES.exec(line)?.[0];
    return touched === undefined ? [] : [`${file}:${index + 1}: ${name} is pure, and touches ${touched}`];
  });
}

/** TypeScript without its comments; what is in strings stays, and so do the lines. */
export function withoutComments(text: string): string {
  const tokens = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(tokens, (token) => {
    if (!token.startsWith("//") && !token.startsWith("/*")) return token;
    return token.replace(/[^\n]/g, "");
  });
}
