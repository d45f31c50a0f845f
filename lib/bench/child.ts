/**
 * A client of the benchmark, or a server it needs, as a process of its own.
 *
 * Guarantee: `close()` ends it, whatever it does. What it writes on standard error is kept (the last lines) and
 * told when it fails.
 */
import { DeadlineError, PubsubError } from "../base/errors.ts";
import { type ClientMessage, parseClientMessage } from "./protocol.ts";

const KEPT_LINES = 20;
const GRACE_MS = 3000;

/** A program and its arguments. */
export interface CommandLine {
  command: string;
  args: readonly string[];
  env?: Record<string, string>;
}

/** A process that speaks lines. */
export class Child implements AsyncDisposable {
  readonly name: string;
  readonly started = performance.now();
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #messages: ClientMessage[] = [];
  readonly #lines: string[] = [];
  readonly #reading: Promise<unknown>;
  #waiters = new Set<() => void>();
  #status: Deno.CommandStatus | undefined;

  constructor(name: string, { command, args, env }: CommandLine) {
    this.name = name;
    this.#process = new Deno.Command(command, {
      args: [...args],
      ...(env === undefined ? {} : { env }),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#reading = Promise.all([this.#read(this.#process.stdout), this.#read(this.#process.stderr)]);
    void this.#process.status.then((status) => {
      this.#status = status;
      this.#wake();
    });
  }

  get pid(): number {
    return this.#process.pid;
  }
  /** How it ended; undefined while it runs. */
  get status(): Deno.CommandStatus | undefined {
    return this.#status;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#line(line);
    }
  }

  #line(line: string): void {
    const message = parseClientMessage(line);
    if (message) this.#messages.push(message);
    else if (this.#lines.push(line) > KEPT_LINES) this.#lines.shift();
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter();
  }

  /** Tell it something. */
  async tell(message: unknown): Promise<void> {
    await this.#input.write(new TextEncoder().encode(JSON.stringify(message) + "\n"));
  }

  /** The first message of a type, said already or to come. @throws when it ends or `ms` pass before. */
  async message<T extends ClientMessage["type"]>(
    type: T,
    ms: number,
    signal: AbortSignal,
  ): Promise<Extract<ClientMessage, { type: T }>> {
    return await this.#await(
      `say "${type}"`,
      ms,
      signal,
      () =>
        this.#messages.find((message) => message.type === type) as
          | Extract<ClientMessage, { type: T }>
          | undefined,
    );
  }

  /** The first line (no message) that `pattern` matches. @throws when it ends or `ms` pass before. */
  async line(pattern: RegExp, ms: number, signal: AbortSignal): Promise<RegExpExecArray> {
    return await this.#await(`print ${pattern}`, ms, signal, () => {
      for (const line of this.#lines) {
        const found = pattern.exec(line);
        if (found) return found;
      }
      return undefined;
    });
  }

  async #await<T>(what: string, ms: number, signal: AbortSignal, look: () => T | undefined): Promise<T> {
    const end = performance.now() + ms;
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    const timer = setTimeout(wake, ms);
    try {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        signal.throwIfAborted();
        if (this.#status) {
          throw new PubsubError(
            `${this.name} ended (${this.#status.code}) and did not ${what}${this.#told()}`,
          );
        }
        if (performance.now() >= end) {
          throw new DeadlineError(`${this.name} did not ${what} within ${ms} ms${this.#told()}`);
        }
        await new Promise<void>((resolve) => this.#waiters.add(resolve));
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
    }
  }

  #told(): string {
    return this.#lines.length === 0 ? "" : `; it said: ${this.#lines.slice(-5).join(" | ")}`;
  }

  /** Ask it to leave, kill it when it does not. */
  async close(): Promise<void> {
    this.#send("SIGTERM");
    const timer = setTimeout(() => this.#send("SIGKILL"), GRACE_MS);
    await this.#process.status;
    clearTimeout(timer);
    await this.#input.close().catch(() => {});
    await this.#reading.catch(() => {});
  }

  #send(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended.
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
