/**
 * Looks for promises that nobody waits for, in all of our TypeScript: `deno task promises`.
 *
 * A promise is awaited, handled with `catch`, given to somebody, or marked with `void`: its outcome is not needed, and a
 * failure of it would be a defect that is to end the process. typescript-eslint's no-floating-promises and
 * no-misused-promises judge; no comment in the code switches them off.
 *
 * Guarantee: what has no known type would be passed over, so anything that TypeScript does not find or understand here
 * fails the check. So does a promise of scripts/promises/planted.ts that is not found.
 *
 * Prints `path:line:column message` for each. Exit code 1 when there is one, or something is not understood.
 */
import process from "node:process";
import { Linter } from "eslint";
import type ts from "typescript";
import { parser, plugin } from "typescript-eslint";
import { reasonOf } from "../lib/base/errors.ts";
import { programOf, unknownsOf } from "./promises/program.ts";

const OURS = ["lib", "roles", "cli", "scripts", "tests", "examples", "main.ts"];
const PLANTED = "scripts/promises/planted.ts";

interface Finding {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

async function* sourceFiles(path: string): AsyncGenerator<string> {
  const { isFile } = await Deno.stat(path);
  if (isFile) return yield path;
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory && name !== "node_modules") yield* sourceFiles(`${path}/${name}`);
    else if (name.endsWith(".ts")) yield `${path}/${name}`;
  }
}

/** The rules with the types of a program. */
function judgeOf(program: ts.Program): (path: string) => Finding[] {
  const linter = new Linter({ cwd: program.getCurrentDirectory() });
  // The two packages have types of their own for the same shapes.
  const config = [{
    files: ["**/*.ts"],
    languageOptions: { parser, parserOptions: { programs: [program] } },
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: "off" },
    plugins: { "@typescript-eslint": plugin },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
    },
  }] as unknown as Linter.Config[];
  return (path) => {
    const { text, fileName } = program.getSourceFile(`${program.getCurrentDirectory()}/${path}`)!;
    return linter.verify(text, config, { filename: fileName });
  };
}

/** What is wrong with what is found in the planted file. */
function notFound(text: string, found: readonly Finding[]): string[] {
  const lines = new Set(found.map(({ line }) => line));
  return text.split("\n").flatMap((code, index) =>
    lines.has(index + 1) === code.endsWith("// floats")
      ? []
      : [`${PLANTED}:${index + 1}:1 ${lines.has(index + 1) ? "is found, and floats not" : "is not found"}`]
  );
}

async function main(): Promise<number> {
  const files: string[] = [];
  for (const path of OURS) files.push(...await Array.fromAsync(sourceFiles(path)));
  files.sort();
  const program = await programOf(Deno.cwd(), files);
  const problems = unknownsOf(program);
  const judge = judgeOf(program);
  for (const path of files) {
    const found = judge(path);
    if (path === PLANTED) problems.push(...notFound(await Deno.readTextFile(path), found));
    else problems.push(...found.map(({ line, column, message }) => `${path}:${line}:${column} ${message}`));
  }
  for (const problem of problems) console.log(problem);
  if (problems.length === 0) console.log(`${files.length} files, no floating promise`);
  return problems.length === 0 ? 0 : 1;
}

process.chdir(`${import.meta.dirname}/..`);
process.exitCode = await main().catch((error) => {
  console.error(`promises: ${reasonOf(error)}`);
  return 1;
});
