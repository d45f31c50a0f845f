/**
 * A program that contends, for tests that kill, stop and continue processes: each contender has a session of its own,
 * in an election and for a topic.
 *
 *     deno run -A contender_program.ts SERVERS SESSION_MS PATH TOPIC COUNT
 *
 * Standard output: one JSON object a line, {@link ContenderLine}. Active contenders say so every few milliseconds, in
 * their own view, at a time that all processes of the machine share. `close N` on standard input closes one.
 */
import { configureLogging } from "../../lib/base/log.ts";
import { wallClock } from "../../lib/base/clock.ts";
import { Election } from "../../lib/recipes/election.ts";
import { TopicOwnership } from "../../lib/recipes/ownership.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";

/** What a contender says. */
export interface ContenderLine {
  pid: number;
  contender: number;
  /** Milliseconds since the epoch, just before it looked. */
  at: number;
  /** The same, just after. */
  by: number;
  /** `lead`: active leader now. `own`: owner now. The others are changes. */
  kind: "ready" | "lead" | "own" | "state" | "term-over" | "closed";
  epoch?: string;
  state?: string;
}

const LOOK_MS = 2;

async function main([servers, sessionMs, path, topic, count]: string[]): Promise<void> {
  if (Deno.env.get("CONTENDER_LOG") !== undefined) configureLogging("debug", (line) => console.error(line));
  const contenders = new Map<number, Contender>();
  for (let i = 0; i < Number(count); i++) {
    contenders.set(
      i,
      new Contender(i, { servers: servers!, sessionTimeoutMs: Number(sessionMs) }, path!, topic!),
    );
  }
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  let rest = "";
  for await (const chunk of input) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const number = Number(/^close (\d+)$/.exec(line)?.[1]);
      await contenders.get(number)?.close();
    }
  }
  await Promise.all([...contenders.values()].map((contender) => contender.close()));
}

class Contender {
  readonly #number: number;
  readonly #zk: ZooKeeper;
  readonly #election: Election;
  readonly #ownership: TopicOwnership;
  readonly #timer: ReturnType<typeof setInterval>;
  #state = "";

  constructor(
    number: number,
    options: { servers: string; sessionTimeoutMs: number },
    path: string,
    topic: string,
  ) {
    this.#number = number;
    this.#zk = new ZooKeeper(options);
    this.#election = new Election(this.#zk, path, `${Deno.pid}/${number}`);
    this.#ownership = new TopicOwnership(this.#zk, topic, {
      publisher: `${Deno.pid}-${number}`,
      strength: 0,
    });
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    void this.#ownership.decided().then(() => this.#say({ kind: "ready" }), () => {});
    void this.#followTerms();
  }

  async close(): Promise<void> {
    await Promise.all([this.#election.close(), this.#ownership.close()]);
    this.#look();
    clearInterval(this.#timer);
    await this.#zk.close();
    this.#say({ kind: "closed" });
  }

  #look(): void {
    const at = wallClock();
    const term = this.#election.term;
    if (term?.active) this.#say({ kind: "lead", epoch: String(term.epoch) }, at);
    if (this.#ownership.owner) this.#say({ kind: "own", epoch: String(this.#ownership.epoch) }, at);
    const { state } = this.#zk;
    if (state === this.#state) return;
    this.#state = state;
    this.#say({ kind: "state", state }, at);
  }

  async #followTerms(): Promise<void> {
    for await (const term of this.#election.terms()) {
      term.signal.addEventListener(
        "abort",
        () => this.#say({ kind: "term-over", epoch: String(term.epoch) }),
      );
    }
  }

  #say(line: Partial<ContenderLine>, at = wallClock()): void {
    const text = JSON.stringify({ pid: Deno.pid, contender: this.#number, at, by: wallClock(), ...line });
    Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  }
}

if (import.meta.main) await main(Deno.args);
