/**
 * Our TypeScript as a program of npm's TypeScript, with the types that Deno gives it: its own, Node's, and the packages of
 * node_modules. Nothing is written anywhere.
 */
import ts from "typescript";
import config from "../../deno.json" with { type: "json" };

/** What is neither in `deno types` nor in a package. */
const MORE_TYPES = `
declare module "node-zookeeper-client/lib/jute/index.js";
interface Window {
  onmessage: ((event: MessageEvent) => unknown) | null;
  postMessage(message: unknown): void;
}
`;
/** `lib="deno.worker"` and its like: `deno types` has them all in one. */
const NO_SUCH_LIB = 2726;

async function denoTypes(): Promise<string> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args: ["types"] }).output();
  if (!success) throw new Error("deno types has failed");
  return new TextDecoder().decode(stdout);
}

async function optionsFor(root: string): Promise<ts.CompilerOptions> {
  // Node's types are those that this package of types uses: they are beside it.
  const beside = await Deno.realPath(`${root}/node_modules/@types/node-zookeeper-client`);
  const { options, errors } = ts.convertCompilerOptionsFromJson({
    ...config.compilerOptions,
    // `deno check` tells these.
    ...{ noUnusedLocals: false, noUnusedParameters: false },
    ...{ target: "esnext", module: "esnext", moduleResolution: "bundler", lib: ["esnext"] },
    ...{ allowImportingTsExtensions: true, resolveJsonModule: true, noEmit: true, skipLibCheck: true },
    ...{ typeRoots: [`${beside}/..`], types: ["node"] },
    paths: { [config.name]: [`${root}/${config.exports["."]}`] },
  }, root);
  if (errors.length > 0) throw new Error(ts.flattenDiagnosticMessageText(errors[0]!.messageText, " "));
  return options;
}

/**
 * The program.
 *
 * @param root folder of the project, absolute
 * @param files relative to it
 */
export async function programOf(root: string, files: readonly string[]): Promise<ts.Program> {
  const options = await optionsFor(root);
  const given = new Map([
    [`${root}/deno.d.ts`, await denoTypes()],
    [`${root}/more.d.ts`, MORE_TYPES],
  ]);
  const host = ts.createCompilerHost(options, true);
  host.getCurrentDirectory = () => root;
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseNone;
  const { fileExists, readFile } = host;
  host.fileExists = (path) => given.has(path) || fileExists(path);
  host.readFile = (path) => given.get(path) ?? readFile(path);
  return ts.createProgram([...given.keys(), ...files.map((path) => `${root}/${path}`)], options, host);
}

/** What was not found or understood, each as `path:line:column message`. */
export function unknownsOf(program: ts.Program): string[] {
  const root = program.getCurrentDirectory();
  return ts.getPreEmitDiagnostics(program).filter(({ code }) => code !== NO_SUCH_LIB).map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
    if (diagnostic.file === undefined) return message;
    const { line, character } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
    const path = diagnostic.file.fileName.replace(`${root}/`, "");
    return `${path}:${line + 1}:${character + 1} ${message}`;
  });
}
