/**
 * A squad in a process of its own, as one process may have only so many files open. Orders are lines of JSON on its
 * standard input, each answered by a line on its standard output, in the same order.
 *
 * Guarantee: it lives no longer than we do: it leaves at the end of its input, which only we hold.
 */
import { z } from "zod";
import { AsyncQueue } from "../base/async_queue.ts";
import { DeadlineError, FormatError, PubsubError, reasonOf } from "../base/errors.ts";
import { LineSplitter } from "../base/line_splitter.ts";
import { selfCommand } from "../base/self_command.ts";
import { LocalSquad, type Squad, type SquadOptions, type SquadPlace, type SquadReading } from "./squad.ts";

const orderSchema = z.discriminatedUnion("do", [
  z.object({ do: z.literal("grow"), size: z.int().min(0), ms: z.number() }),
  z.object({ do: z.literal("match"), size: z.int().min(0), ms: z.number() }),
  z.object({ do: z.literal("read") }),
]);
type Order = z.infer<typeof orderSchema>;

const answerSchema = z.union([
  z.object({ done: z.literal(true) }),
  z.object({ error: z.string() }),
  z.object({ operations: z.number(), bytesIn: z.number(), cpuMs: z.number() }),
]);
type Answer = z.infer<typeof answerSchema>;

const taskSchema = z.object({
  place: z.object({ number: z.int().min(0), of: z.int().min(1) }),
  options: z.object({
    zookeeper: z.string(),
    sessionTimeoutMs: z.number(),
    heartbeatIntervalMs: z.number(),
    heartbeatTimeoutMs: z.number(),
    assignment: z.enum(["random", "least-loaded", "two-choices"]).optional(),
    layout: z.object({ fanOut: z.int().min(1), hot: z.boolean() }),
    concurrency: z.int().min(1),
  }),
});

const MAX_LINE_BYTES = 10_000;
const LEAVE_MS = 20_000;

/** The squad in the other process, seen from this one. */
export class RemoteSquad implements Squad {
  readonly #child: Deno.ChildProcess;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncGenerator<Answer>;
  #busy: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(place: SquadPlace, options: SquadOptions) {
    const { command, args } = selfCommand();
    const { zookeeper, sessionTimeoutMs, heartbeatIntervalMs, heartbeatTimeoutMs, assignment } = options;
    const { layout, concurrency } = options;
    const common = { zookeeper, sessionTimeoutMs, heartbeatIntervalMs, heartbeatTimeoutMs, assignment };
    const task: z.infer<typeof taskSchema> = { place, options: { ...common, layout, concurrency } };
    this.#child = new Deno.Command(command, {
      args: [...args, "bench-squad", JSON.stringify(task)],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#orders = this.#child.stdin.getWriter();
    this.#answers = lines(this.#child.stdout, (line) => answerSchema.parse(JSON.parse(line)));
  }

  async growTo(size: number, ms: number, signal: AbortSignal): Promise<void> {
    await this.#ask({ do: "grow", size, ms }, signal);
  }

  async matched(size: number, ms: number, signal: AbortSignal): Promise<void> {
    await this.#ask({ do: "match", size, ms }, signal);
  }

  async read(): Promise<SquadReading> {
    const answer = await this.#ask({ do: "read" });
    if (!("cpuMs" in answer)) throw new FormatError("a squad gave no reading");
    return answer;
  }

  /** One order at a time. */
  #ask(order: Order, signal?: AbortSignal): Promise<Answer> {
    const asked = this.#busy.then(async () => {
      signal?.throwIfAborted();
      await this.#orders.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
      const { value, done } = await this.#answer(signal);
      if (done) throw new PubsubError("a squad's process ended by itself");
      if ("error" in value) throw new DeadlineError(value.error);
      return value;
    });
    this.#busy = asked.catch(() => {});
    return asked;
  }

  /** The next answer; who is told to leave does not wait for it. */
  async #answer(signal: AbortSignal | undefined): Promise<IteratorResult<Answer>> {
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal!.reason);
    signal?.addEventListener("abort", abort);
    try {
      return await Promise.race([this.#answers.next(), aborted.promise]);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#orders.close().catch(() => {});
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), LEAVE_MS);
    await this.#child.status;
    clearTimeout(timer);
    await this.#answers.return(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * The other process: follows orders until its input ends.
 *
 * @param task the argument that {@link RemoteSquad} gives.
 * @throws {FormatError} when the task or an order is none.
 */
export async function serveSquad(
  task: string,
  signal: AbortSignal,
  out: (line: string) => void,
): Promise<void> {
  const { place, options } = formatted("task", () => taskSchema.parse(JSON.parse(task)));
  await using squad = new LocalSquad(place, options as SquadOptions);
  const orders = new AsyncQueue<Order>();
  const end = new AbortController();
  const stop = AbortSignal.any([signal, end.signal]);
  // The input is read while an order is being followed, too: its end ends that.
  const reading = readOrders(orders).catch((error) => error).finally(() => {
    end.abort(new PubsubError("the measurement has ended"));
    orders.close();
  });
  for await (const order of orders) {
    const answer = await follow(squad, order, stop).catch((error): Answer => ({ error: reasonOf(error) }));
    if (!end.signal.aborted) out(JSON.stringify(answer));
  }
  const error = await reading;
  if (error !== undefined) throw error;
}

async function readOrders(orders: AsyncQueue<Order>): Promise<void> {
  const parse = (line: string) => formatted("order", () => orderSchema.parse(JSON.parse(line)));
  for await (const order of lines(Deno.stdin.readable, parse)) orders.push(order);
}

async function follow(squad: Squad, order: Order, signal: AbortSignal): Promise<Answer> {
  if (order.do === "read") return await squad.read();
  if (order.do === "grow") await squad.growTo(order.size, order.ms, signal);
  else await squad.matched(order.size, order.ms, signal);
  return { done: true };
}

/** What the lines of a stream are, parsed. */
async function* lines<T>(stream: ReadableStream<Uint8Array>, parse: (line: string) => T): AsyncGenerator<T> {
  const splitter = new LineSplitter(MAX_LINE_BYTES);
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    for (const line of splitter.push(chunk)) yield parse(decoder.decode(line));
  }
}

function formatted<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new FormatError(`a squad's ${what} is none: ${reasonOf(error)}`);
  }
}
