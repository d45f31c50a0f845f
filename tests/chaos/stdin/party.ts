/**
 * The processes of a round: a coordination server, brokers, readers and publishers of lines, each connection through a
 * proxy of its own, everything that they say in a file. What was printed and given goes to the accounts.
 */
import { TcpProxy } from "../../harness/tcp_proxy.ts";
import { type CoordinatorServer, freePort } from "../../harness/zookeeper.ts";
import { Actor, type Kind } from "../actor.ts";
import { INSIDE, OUTSIDE, portFlags } from "../world.ts";
import { LifeAccount, type PublisherAccount } from "./account.ts";
import { type Ownership, type PublisherPlan, type ReaderPlan, SESSION_MS } from "./plan.ts";

const TOPIC = "A";
const FEED_MS = 10;
/** Lines given at once as fast as they are taken. */
const CHUNK = 500;
/** A reader that is read slowly: so long not, so long read. */
const SLOW_MS = [150, 30] as const;
const LEAVE_MS = 15_000;

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** One life of a reader: its process and what it printed. */
export interface Life {
  readonly plan: ReaderPlan;
  readonly actor: Actor;
  readonly account: LifeAccount;
}

/** A publisher: its process and what it was given. */
export interface Source {
  readonly plan: PublisherPlan;
  readonly actor: Actor;
  readonly account: PublisherAccount;
  /** Resolves when it has been given everything, or takes nothing any more. */
  readonly fed: Promise<void>;
}

/** All processes of a round. */
export class Party implements AsyncDisposable {
  readonly brokers: Actor[] = [];
  readonly lives: Life[] = [];
  readonly sources: Source[] = [];
  /** What went wrong that no count shows: who ended by itself. */
  readonly wrong: string[] = [];
  readonly #actors: Actor[] = [];
  readonly #files: Deno.FsFile[] = [];
  readonly #readers: readonly ReaderPlan[];
  readonly #ownership: Ownership;
  readonly #directory: string;
  #brokerCount = 0;
  #feeding = true;

  /** @param directory where the logs go. */
  constructor(
    readonly coordinator: CoordinatorServer,
    directory: string,
    readers: readonly ReaderPlan[],
    ownership: Ownership,
  ) {
    this.#directory = directory;
    this.#readers = readers;
    this.#ownership = ownership;
  }

  /** Write a line into the round's own log. */
  note(text: string): void {
    this.#log("round")(`${new Date().toISOString()} ${text}`);
  }

  readonly #logs = new Map<string, (line: string) => void>();
  #log(name: string): (line: string) => void {
    return this.#logs.getOrInsertComputed(name, () => {
      const file = Deno.openSync(`${this.#directory}/${name}.log`, { write: true, create: true });
      this.#files.push(file);
      const encoder = new TextEncoder();
      return (line) => {
        file.writeSync(encoder.encode(`${line}\n`));
      };
    });
  }

  #start(
    name: string,
    kind: Kind,
    args: readonly string[],
    ports: number,
    more: { log: string; onLine?: (line: string) => void; onWords?: (line: string) => void },
  ): Actor {
    const numbers = Array.from({ length: ports }, freePort);
    const log = this.#log(more.log);
    const actor = new Actor({
      name,
      kind,
      args: [...args, "--session-timeout", String(SESSION_MS / 1000), ...portFlags(kind, numbers)],
      zookeeper: [new TcpProxy({ target: this.coordinator.port })],
      proxies: numbers.map((port) => new TcpProxy({ target: port, port, hostname: OUTSIDE })),
      mark: name,
      ...more.onLine ? { onLine: more.onLine } : {},
      onWords: (line) => {
        log(line);
        more.onWords?.(line);
      },
      onDeath: ({ name, kind, lastWords }, code) => {
        // A publisher's end is judged by its code.
        if (kind !== "publisher") this.wrong.push(`${name} ended by itself with ${code}: ${lastWords}`);
      },
    });
    this.#actors.push(actor);
    return actor;
  }

  /** One more broker of the zone. */
  broker(): Actor {
    const name = `broker-${++this.#brokerCount}`;
    const args = ["--zone", "1", "--bind", INSIDE, "--address", OUTSIDE];
    const actor = this.#start(name, "broker", args, 3, { log: name });
    this.brokers.push(actor);
    return actor;
  }

  /** A life of a reader. */
  reader(plan: ReaderPlan): Life {
    const number = this.lives.filter(({ account }) => account.id === plan.id).length + 1;
    const account = new LifeAccount(plan.id, number);
    const args = ["--topics", TOPIC, "--ownership", this.#ownership, `--${plan.format}`, "--indefinite"];
    args.push(plan.centralized ? "--centralized" : "--direct");
    const take = plan.format === "raw"
      ? (line: string) => account.take(line)
      : (line: string) => account.take(payloadOf(line));
    const actor = this.#start(plan.id, "subscriber", args, 0, {
      log: number === 1 ? plan.id : `${plan.id}-life-${number}`,
      onLine: take,
      onWords: (line) => {
        if (line.startsWith("summary ")) account.summary = line;
        account.ready ||= line.includes("registered in zone");
      },
    });
    const life = { plan, actor, account };
    this.lives.push(life);
    if (plan.slow) void this.#readSlowly(actor);
    return life;
  }

  async #readSlowly(actor: Actor): Promise<void> {
    while (actor.running && this.#feeding) {
      actor.pauseReading();
      await sleep(SLOW_MS[0]);
      actor.resumeReading();
      await sleep(SLOW_MS[1]);
    }
    actor.resumeReading();
  }

  /** The life of a reader that is the last one so far. */
  lifeOf(plan: ReaderPlan): Life {
    return this.lives.findLast(({ account }) => account.id === plan.id)!;
  }

  /** A publisher, given lines as it takes them; it begins when every reader has joined. */
  publisher(plan: PublisherPlan): Source {
    const account: PublisherAccount = {
      id: plan.id,
      given: 0,
      awaited: true,
      killed: false,
      code: undefined,
      errors: [],
    };
    const args = ["--topics", TOPIC, "--ownership", this.#ownership, "--stdin"];
    args.push("--wait-for-subscribers", String(this.#readers.length));
    args.push("--strength", String(plan.strength), "--slow-subscriber", String(plan.slowSeconds));
    args.push("--max-in-flight", String(plan.maxInFlight), "--bind", INSIDE, "--address", OUTSIDE);
    if (plan.centralized) args.push("--centralized");
    const actor = this.#start(plan.id, "publisher", args, 1, {
      log: plan.id,
      onWords: (line) => {
        if (/^\S+ ERROR /.test(line) || line.startsWith("error")) account.errors.push(line);
      },
    });
    const source = { plan, actor, account, fed: this.#feed(actor, plan, account) };
    this.sources.push(source);
    return source;
  }

  async #feed(actor: Actor, { phases, bytes }: PublisherPlan, account: PublisherAccount): Promise<void> {
    const writer = actor.input.getWriter();
    const encoder = new TextEncoder();
    try {
      for (const { lines, perSecond, pauseMs } of phases) {
        const start = performance.now();
        for (let done = 0; done < lines && this.#feeding && actor.running;) {
          const due = Math.ceil((performance.now() - start + FEED_MS) * perSecond / 1000) - done;
          const count = Math.min(lines - done, Math.max(1, due), CHUNK);
          let text = "";
          for (let i = 0; i < count; i++) {
            text += `${`${account.id} ${++account.given} `.padEnd(bytes, ".").trimEnd()}\n`;
          }
          done += count;
          await writer.write(encoder.encode(text));
          const wait = done * 1000 / perSecond - (performance.now() - start);
          if (wait > 0) await sleep(wait);
        }
        if (this.#feeding) await sleep(pauseMs);
      }
      actor.leaving = true;
      await writer.close();
    } catch {
      // It has ended: what it had not read was never published.
    }
  }

  /** No more lines for anybody. */
  endOfInput(): void {
    this.#feeding = false;
  }

  /** What every life that is not known to be dead has printed at most. */
  reached(source: string): number {
    return Math.max(0, ...this.lives.map(({ account }) => account.of(source).last));
  }

  /** Ctrl-C to every reader, and wait until they have left. */
  async leave(): Promise<void> {
    await Promise.all(this.lives.map(async ({ actor }) => {
      actor.signal("SIGINT");
      await actor.ended(LEAVE_MS).catch((error) => this.wrong.push(`after Ctrl-C: ${error.message}`));
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#feeding = false;
    await Promise.allSettled(this.#actors.map((actor) => actor.close()));
    await Promise.allSettled(this.sources.map(({ fed }) => fed));
    for (const file of this.#files) file.close();
  }
}

function payloadOf(line: string): string {
  try {
    return (JSON.parse(line) as { payload: string }).payload;
  } catch {
    return line;
  }
}
