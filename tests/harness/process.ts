/**
 * Real pubsub processes for tests: started from source, their lines gathered, waited for by what they print, always
 * ended. `kill -9` goes to the process itself.
 */
import { fileURLToPath as fromFileUrl } from "node:url";
import { until, within } from "./condition.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** How a process is started. */
export interface StartOptions {
  /** ZooKeeper's address, given to it as PUBSUB_ZOOKEEPER. */
  zookeeper: string;
  /** What it reads; closed after that. Default: nothing to read. */
  stdin?: Uint8Array | ReadableStream<Uint8Array>;
  /** Where its standard output goes instead of {@link Pubsub.stdout}. */
  stdoutFile?: string;
  /** What stands before its command, such as `ip netns exec NAME`, and becomes it. */
  within?: readonly string[];
  /** More of its environment. */
  env?: Readonly<Record<string, string>>;
  /** Its standard output is read at so many lines a second, and must be 1, 2, 3 … (see {@link Pubsub.taken}). */
  slowReader?: number;
}

/** The line that a subscriber ends with, as numbers. */
export type Summary = Record<
  | "received"
  | "historical"
  | "lost"
  | "fenced"
  | "duplicates"
  | "recovered"
  | "p50_ms"
  | "p99_ms"
  | "max_gap_ms",
  number
>;

/** A running or ended pubsub process. */
export class Pubsub implements AsyncDisposable {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** With a slow reader: lines taken so far, and whether they were 1, 2, 3 … */
  taken = 0;
  inOrder = true;
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  readonly #args: readonly string[];
  #code: number | undefined;

  constructor(args: readonly string[], options: StartOptions) {
    this.#args = args;
    const command = [
      ...options.within ?? [],
      Deno.execPath(),
      "run",
      "-A",
      "--node-modules-dir=manual",
      `${ROOT}main.ts`,
      ...args,
    ];
    const toFile = ['out=$1; shift; exec "$@" >"$out"', "sh", options.stdoutFile ?? "/dev/null", ...command];
    this.#child = new Deno.Command(options.stdoutFile ? "/bin/sh" : command[0]!, {
      args: options.stdoutFile ? ["-c", ...toFile] : command.slice(1),
      env: { PUBSUB_ZOOKEEPER: options.zookeeper, ...options.env },
      stdin: options.stdin ? "piped" : "null",
      stdout: options.stdoutFile ? "null" : "piped",
      stderr: "piped",
    }).spawn();
    const reading = [gather(this.#child.stderr, this.stderr)];
    if (options.slowReader) reading.push(this.#readSlowly(this.#child.stdout, options.slowReader));
    else if (!options.stdoutFile) reading.push(gather(this.#child.stdout, this.stdout));
    if (options.stdin) reading.push(feed(options.stdin, this.#child.stdin));
    this.#reading = Promise.allSettled(reading);
  }

  async #readSlowly(stream: ReadableStream<Uint8Array>, linesPerSecond: number): Promise<void> {
    const start = performance.now();
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line !== String(++this.taken)) this.inOrder = false;
      const due = start + (this.taken / linesPerSecond) * 1000;
      // Slowness is what is tested here.
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
  }

  get pid(): number {
    return this.#child.pid;
  }
  get running(): boolean {
    return this.#code === undefined;
  }

  /** A line of standard error that matches, as soon as there is one. Fails at once when the process ends. */
  async says(pattern: RegExp, deadlineMs = 20_000): Promise<string> {
    void this.#child.status.then(({ code }) => this.#code = code);
    const line = await until(`"pubsub ${this.#args.join(" ")}" says ${pattern}`, () => {
      const found = this.stderr.find((line) => pattern.test(line));
      if (found === undefined && this.#code !== undefined) return "";
      return found;
    }, deadlineMs).catch((error) => {
      throw new Error(`${error.message}; it said:\n${this.stderr.slice(-15).join("\n")}`);
    });
    return line;
  }

  /** At least so many lines of standard output. */
  async prints(count: number, deadlineMs = 20_000): Promise<string[]> {
    await until(
      `"pubsub ${this.#args.join(" ")}" prints ${count} lines`,
      () => this.stdout.length >= count,
      deadlineMs,
    )
      .catch((error) => {
        throw new Error(
          `${error.message}; it printed ${this.stdout.length} and said:\n${
            this.stderr.slice(-15).join("\n")
          }`,
        );
      });
    return this.stdout;
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Its exit code once it has ended by itself, all its output gathered. */
  async exit(deadlineMs = 60_000): Promise<number> {
    const what = `the end of "pubsub ${this.#args.join(" ")}"`;
    const status = await within(what, this.#child.status, deadlineMs).catch((error) => {
      throw new Error(`${error.message}; it said:\n${this.stderr.slice(-15).join("\n")}`);
    });
    this.#code = status.code;
    await within(`the output of "pubsub ${this.#args.join(" ")}"`, this.#reading, 10_000);
    return status.code;
  }

  /** The summary it ended with. */
  summary(): Summary {
    const line = this.stderr.find((line) => line.startsWith("summary "));
    if (line === undefined) throw new Error(`No summary; it said:\n${this.stderr.slice(-15).join("\n")}`);
    const fields = line.slice("summary ".length).split(" ").map((field) =>
      field.split("=") as [string, string]
    );
    return Object.fromEntries(fields.map(([name, value]) => [name, Number(value)])) as Summary;
  }

  /** Ctrl-C, and wait until it has left. */
  async interrupt(): Promise<number> {
    this.signal("SIGINT");
    return await this.exit();
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    try {
      this.signal("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await this.#reading;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** Start `pubsub` with these arguments. */
export function pubsub(args: readonly string[], options: StartOptions): Pubsub {
  return new Pubsub(args, options);
}

async function gather(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
  }
  if (rest !== "") lines.push(rest);
}

async function feed(
  source: Uint8Array | ReadableStream<Uint8Array>,
  sink: WritableStream<Uint8Array>,
): Promise<void> {
  if (!(source instanceof Uint8Array)) return await source.pipeTo(sink);
  const writer = sink.getWriter();
  await writer.write(source);
  await writer.close();
}
