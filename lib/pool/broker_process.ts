/**
 * A broker as a process of its own: started without a zone, told which to join, told to drain, ended.
 *
 * Guarantee: it lives no longer than we do. Its standard input is a pipe that only we hold: when we end, killed or not,
 * the pipe closes, and the broker leaves. `end()` does the same and kills what does not leave in time.
 */
import { type Child, type Command, startChild } from "../base/child.ts";
import { monotonic } from "../base/clock.ts";
import { FormatError, reasonOf } from "../base/errors.ts";
import { LineSplitter } from "../base/line_splitter.ts";
import { logger } from "../base/log.ts";
import { parseNews, type PoolNews, type PoolOrder } from "./pool_protocol.ts";

/** How long a broker that is to leave has for it. */
const LEAVE_MS = 5000;
const MAX_LINE_BYTES = 10_000;

const log = logger("pool");

/** What is known of the process. */
export type BrokerProcessState = "starting" | "ready" | "joining" | "standby" | "primary" | "ended";

/** One broker process. */
export class BrokerProcess {
  readonly id: string;
  readonly startedAt: number = monotonic();
  readonly #child: Child;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onChange: () => void;
  readonly #ended: Promise<string>;
  #state: BrokerProcessState = "starting";
  #waitedForSince: number = this.startedAt;
  #zone: number | undefined;
  #draining = false;
  #drained: { pinned: number } | undefined;
  #leaving = false;

  /**
   * Starts it.
   *
   * @param command the program and its arguments.
   * @param onChange called when its state has changed.
   * @throws when the process cannot be started.
   */
  constructor(id: string, command: Command, onChange: () => void) {
    this.id = id;
    this.#onChange = onChange;
    this.#child = startChild(command);
    this.#orders = this.#child.stdin.getWriter();
    this.#ended = this.#run();
  }

  get pid(): number {
    return this.#child.pid;
  }
  get state(): BrokerProcessState {
    return this.#state;
  }
  /** Since when it is starting or joining, monotonic milliseconds; undefined when it is not. */
  get waitedForSince(): number | undefined {
    return this.#state === "starting" || this.#state === "joining" ? this.#waitedForSince : undefined;
  }
  /** The zone it was told to join. */
  get zone(): number | undefined {
    return this.#zone;
  }
  /** Set when it drains and has only such clients left as stay where they are. */
  get drained(): { pinned: number } | undefined {
    return this.#drained;
  }
  /** Whether {@link end} was called. */
  get leaving(): boolean {
    return this.#leaving;
  }
  /** How it ended, for people. Resolves when the process is gone. */
  get ended(): Promise<string> {
    return this.#ended;
  }

  /** Join a zone, as soon as it is ready. Once. */
  join(zone: number): void {
    this.#zone = zone;
    this.#waitedForSince = monotonic();
    this.#order({ do: "join", zone });
    if (this.#state === "ready") this.#state = "joining";
  }

  /** Send its clients to other zones, or no longer. */
  drain(on: boolean): void {
    if (this.#draining === on) return;
    this.#draining = on;
    this.#drained = undefined;
    this.#order({ do: "drain", on });
  }

  /** Have it leave, and kill it when it has not in time. Resolves when it is gone. Idempotent. */
  async end(): Promise<void> {
    if (this.#leaving) return void await this.#ended;
    this.#leaving = true;
    this.#orders.close().catch(() => {});
    const timer = setTimeout(() => this.#kill(), LEAVE_MS);
    try {
      await this.#ended;
    } finally {
      clearTimeout(timer);
    }
  }

  #kill(): void {
    log.warn(`broker ${this.id} has not left within ${LEAVE_MS} ms: killed`);
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has just ended by itself.
    }
  }

  #order(order: PoolOrder): void {
    if (this.#leaving) return;
    // When it has ended, that is told elsewhere.
    this.#orders.write(new TextEncoder().encode(JSON.stringify(order) + "\n")).catch(() => {});
  }

  async #run(): Promise<string> {
    const [{ code, signal }] = await Promise.all([this.#child.status, this.#read()]);
    this.#state = "ended";
    this.#orders.abort().catch(() => {});
    this.#onChange();
    return signal === null ? `exit code ${code}` : `signal ${signal}`;
  }

  async #read(): Promise<void> {
    const lines = new LineSplitter(MAX_LINE_BYTES);
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.#child.stdout) {
        for (const line of lines.push(chunk)) {
          const news = parseNews(decoder.decode(line));
          if (news) this.#hear(news);
        }
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      log.warn(`broker ${this.id} says what is not understood: ${reasonOf(error)}`);
      await this.#child.stdout.cancel().catch(() => {});
    }
  }

  #hear(news: PoolNews): void {
    if (news.is === "drained") {
      if (this.#draining) this.#drained = { pinned: news.pinned };
    } else if (news.is === "ready") this.#state = this.#zone === undefined ? "ready" : "joining";
    else this.#state = news.is;
    this.#onChange();
  }
}
