/**
 * A whole system in a simulated world: the real broker, publisher, subscriber and coordination server, each in a process
 * of its own, and the books that an independent ledger keeps of what they gave and got.
 */
import { Broker } from "../../lib/broker/broker.ts";
import { Publisher } from "../../lib/client/publisher.ts";
import { Subscriber } from "../../lib/client/subscriber.ts";
import { newSystemClock, useSystemClock } from "../../lib/base/clock.ts";
import { reasonOf } from "../../lib/base/errors.ts";
import { useChildren } from "../../lib/base/child.ts";
import { BackupPool } from "../../lib/pool/backup_pool.ts";
import { useTcp } from "../../lib/net/tcp.ts";
import { useSockets } from "../../lib/zmq/sockets.ts";
import { Ledger } from "../chaos/ledger.ts";
import { LossBook, TOLD_WITHIN_MS } from "./loss_book.ts";
import { simulatedChildren } from "./children.ts";
import { Coordination } from "./coordination.ts";
import { filled, textIn } from "./filling.ts";
import { Network } from "./network.ts";
import { Party, type Program } from "./party.ts";
import type { Role } from "./plan.ts";
import { Requests } from "./requests.ts";
import { Scribe } from "./scribe.ts";
import { simulatedSockets } from "./sockets.ts";
import { simulatedTcp } from "./tcp.ts";
import { type Process, World } from "./world.ts";

export const SESSION_MS = 4000;
/** What was held up comes so long after it is free again. */
const AFTERWARDS_MS = 5000;
/** From one sample of a topic to the next on average when all is calm, milliseconds. */
const CALM_MS = 100;

/** How often things happen. */
export interface Pace {
  /** Milliseconds between two samples of a publisher on average, of all its topics together. */
  readonly sampleMs: number;
}

/** What a system has besides. */
export interface SystemOptions {
  /** Whether what happens is remembered. */
  readonly story?: boolean;
  /** Whether the coordination server keeps its data on a disk. */
  readonly durable?: boolean;
  /** Whether somebody looks after what it keeps. */
  readonly scribe?: boolean;
}

/** Clients a zone, above which pools start another one. */
export const LOAD_THRESHOLD = 2;

/** The system. */
export class System {
  readonly world: World;
  readonly network: Network;
  readonly ledger = new Ledger();
  readonly losses: LossBook = new LossBook(this);
  readonly requests = new Requests();
  /** Called when somebody has left. */
  onLeft: (party: Party) => void = () => {};
  /** Everybody that there was. */
  readonly parties: Party[] = [];
  /** Nothing goes wrong any more: publishers take it easy, of which runs take less long. */
  calm = false;
  /** Until when something is wrong with whoever has a place, or was shortly before. */
  readonly #hinderedUntil = new Map<string, number>();
  /** ... but for what is between it and the coordination server. */
  readonly #unreachedUntil = new Map<string, number>();
  readonly #pace: Pace;
  /** How long the samples of a source are, if they are longer than their text. */
  readonly #bytes = new Map<string, number>();
  readonly coordination: Coordination;
  readonly scribe: Scribe | undefined;

  constructor(
    seed: number,
    pace: Pace,
    { story = false, durable = false, scribe = false }: SystemOptions = {},
  ) {
    this.#pace = pace;
    this.world = new World(seed, { story });
    this.network = new Network(this.world);
    useSockets(this.requests.at(simulatedSockets(this.network), this.world));
    useTcp(simulatedTcp(this.network));
    useChildren(simulatedChildren(this.world));
    this.coordination = new Coordination(this.world, durable);
    this.coordination.onEnd = (ms) => this.hinder("zookeeper", ms, false);
    if (scribe) this.scribe = this.#startScribe();
  }

  /** Have the real sockets again. */
  end(): void {
    useSockets();
    useTcp();
    useChildren();
    this.coordination.end();
    useSystemClock(newSystemClock());
  }

  /** Those who are there. */
  here(kind?: Role["kind"]): Party[] {
    return this.parties.filter((party) =>
      (party.state === "there" || party.state === "leaving") && (kind === undefined || party.kind === kind)
    );
  }

  /** Whoever is there in the place that somebody had under this id. */
  find(place: string): Party | undefined {
    return this.here().findLast((party) => party.place === place);
  }

  /** Something goes wrong with that place for so long. @param isReached by everybody but the coordination server */
  hinder(place: string, ms: number, isReached: boolean): void {
    const until = this.world.now + ms + AFTERWARDS_MS;
    for (const book of isReached ? [this.#hinderedUntil] : [this.#hinderedUntil, this.#unreachedUntil]) {
      book.set(place, Math.max(book.get(place) ?? 0, until));
    }
  }

  /** Whether something is wrong with whoever has that place, or was shortly before. */
  isHindered(place: string): boolean {
    return this.world.now <= (this.#hinderedUntil.get(place) ?? -Infinity);
  }

  /** Whether nothing is wrong between it and anybody but the coordination server, nor was since then, or shortly before. */
  isReached(place: string, since = this.world.now): boolean {
    return since > (this.#unreachedUntil.get(place) ?? -Infinity);
  }

  broken(what: string): void {
    this.ledger.violations.push({ time: this.world.now, what });
    this.world.tell("judge", what);
  }

  #startScribe(): Scribe {
    const process = this.world.spawn("scribe", () => void scribe.run());
    const scribe = new Scribe({
      zookeeper: this.coordination.address,
      process,
      pause: (ms) => this.#pause(process, ms),
      broken: (what) => this.broken(what),
    });
    return scribe;
  }

  // --- parties

  add(role: Role): Party {
    const start = this.parties.filter(({ id }) => id === role.id).length + 1;
    const process = this.world.spawn(role.id, () => void this.#run(party));
    const party = new Party(role, start, process);
    this.parties.push(party);
    return party;
  }

  /** What a role does with its program: start it, hear of its failure, and what else it is there for. */
  async #run(party: Party): Promise<void> {
    try {
      const program = party.program = this.#programOf(party);
      program.failed.catch((error) => {
        if (party.state === "there") this.broken(`${party.id} has failed: ${reasonOf(error)}`);
      });
      const doing = Promise.all([
        this.#hear(party, program),
        program instanceof Subscriber ? this.#take(party, program) : undefined,
      ]);
      await program.start();
      party.started = true;
      if (program instanceof Publisher) {
        await Promise.all(party.topics.map((topic) => this.#publish(party, program, topic)));
      }
      await doing;
    } catch (error) {
      if (party.state === "there") {
        this.broken(`${party.id}: ${error instanceof Error ? error.stack : error}`);
      }
    }
  }

  #programOf({ role, process }: Party): Program {
    const { id, kind, zone = 1, topics = [], shared, history = 1, strength = 0, centralized } = role;
    const common = {
      id,
      zookeeper: this.coordination.address,
      address: process.host,
      sessionTimeoutMs: SESSION_MS,
    };
    if (kind === "broker") return new Broker({ ...common, zone });
    if (kind === "pool") {
      return new BackupPool({ ...common, maxZones: role.zones, minZones: 1, loadThreshold: LOAD_THRESHOLD });
    }
    const client = {
      ...common,
      topics: [...topics],
      history,
      ownership: shared ? "shared" as const : "exclusive" as const,
      centralized,
    };
    if (kind === "subscriber") {
      return new Subscriber({ ...client, reliability: role.bestEffort ? "best-effort" : "reliable" });
    }
    const { flow, maxInFlight } = role;
    return new Publisher({ ...client, strength, flow, maxInFlight, whenNotOwner: "wait" });
  }

  async #hear(party: Party, program: Program): Promise<void> {
    for await (const event of program.events()) {
      this.world.tell(party.id, eventText(event));
      if (event.type === "lost") this.world.mix(event.count);
      if (event.type === "lost" || event.type === "fenced") this.losses.told(party, event);
      if (event.type === "slow") {
        party.slow.add(`${event.topic} ${event.subscriber}`);
        party.wasSlow.add(`${event.topic} ${event.subscriber}`);
      }
      if (event.type === "caught_up") {
        const key = `${event.topic} ${event.subscriber}`;
        party.slow.delete(key);
        party.notAwaited.set(key, this.ledger.given(party.source(event.topic)));
      }
      if (event.type === "matched" && party.gone.delete(`${event.peer} ${event.topic}`)) {
        party.back.set(`${event.peer} ${event.topic}`, this.world.now);
      }
      if (event.type === "matched" && party.kind === "publisher") {
        const [key, given] = [`${event.topic} ${event.peer}`, this.ledger.given(party.source(event.topic))];
        party.knownSince.set(key, given);
        if (!party.knownFirst.has(key)) party.knownFirst.set(key, given);
      }
      if (event.type === "unmatched") {
        party.knownSince.delete(`${event.topic} ${event.peer}`);
        party.gone.set(`${event.peer} ${event.topic}`, this.world.now);
        party.wasGone.add(`${event.peer} ${event.topic}`);
      }
      if (event.type !== "fenced") continue;
      const key = `${event.publisher} ${event.topic}`;
      party.fenced.set(key, (party.fenced.get(key) ?? 0) + event.count);
    }
  }

  async #publish(party: Party, publisher: Publisher, topic: string): Promise<void> {
    const { process } = party;
    const source = party.source(topic);
    if (party.role.bytes !== undefined) this.#bytes.set(source, party.role.bytes);
    const meanMs = this.#pace.sampleMs * party.topics.length;
    const { until = Infinity, bytes } = party.role;
    while (!party.resting && party.state === "there" && this.world.now < until) {
      const text = this.ledger.give(source);
      const payload = bytes === undefined ? text : filled(text, bytes);
      if (!await this.#published(party, publisher.publish(topic, payload))) return;
      party.published.set(topic, this.ledger.given(source));
      party.publishedAt.set(topic, this.world.now);
      this.losses.published(party, topic);
      // Real ones are never so regular.
      const mean = this.calm ? Math.max(meanMs, CALM_MS) : meanMs;
      await this.#pause(process, 2 * mean * process.random());
    }
  }

  /** Whether a sample has got its number; it has not when the publisher is closed before it may. */
  async #published(party: Party, outcome: boolean | Promise<boolean>): Promise<boolean> {
    try {
      return await outcome;
    } catch (error) {
      if (party.state === "there") throw error;
      return false;
    }
  }

  async #take(party: Party, subscriber: Subscriber): Promise<void> {
    const requested = party.role.history ?? 1;
    for await (const batch of subscriber.batches()) {
      for (const { topic, publisher, epoch, historical, payload } of batch) {
        const text = textIn(payload);
        const colon = text.lastIndexOf(":");
        const number = parseInt(text.slice(colon + 1));
        const source = text.slice(0, colon);
        // Which start of a publisher it was nobody is told.
        const isIts = source.startsWith(`${publisher}#`) && source.endsWith(`/${topic}`);
        const long = this.#bytes.get(source) ?? text.length;
        if (payload.length !== Math.max(long, text.length)) {
          this.broken(`${party.id}: ${source}:${number} has ${payload.length} bytes`);
        }
        const sample = {
          topic,
          publisher: isIts ? source : publisher,
          epoch,
          historical,
          payload: text,
        };
        this.ledger.take(party.taker, sample, this.world.now, requested);
        this.world.mix(text.length + number);
      }
      if (party.pauseMs > 0) await this.#pause(party.process, party.pauseMs);
    }
  }

  /** Not by a timer: those that are set are to be those of the programs. */
  #pause(process: Process, ms: number): Promise<void> {
    return new Promise((resolve) => void this.world.after(ms, process, resolve));
  }

  // --- what happens to them

  /** `kill -9`. @param silent with its host: nobody is told */
  kill(party: Party, silent = false): void {
    for (const topic of party.topics) this.ledger.killed(party.source(topic), this.world.now);
    party.state = "killed";
    // Whatever it had to say when it was stopped, unless it has had the time since.
    const { stoppedAt, resumedAt } = party.process;
    const { now } = this.world;
    party.killedAt = now < resumedAt + TOLD_WITHIN_MS ? stoppedAt : now;
    this.world.kill(party.process, silent);
  }

  /** It is asked to leave, as by Ctrl-C. */
  leave(party: Party): void {
    party.state = "leaving";
    this.world.after(0, party.process, async () => {
      this.world.tell(party.id, "is to leave");
      try {
        await party.program?.close();
      } catch (error) {
        this.broken(`${party.id} does not leave: ${reasonOf(error)}`);
      }
      party.state = "left";
      if (party.program instanceof Publisher) party.undelivered = party.program.undelivered;
      this.onLeft(party);
      const [timers, open] = [this.world.timersOf(party.process), this.network.openOf(party.process)];
      if (timers > 0) this.broken(`${party.id} has closed, and ${timers} of its timers are set`);
      if (open > 0) this.broken(`${party.id} has closed, and ${open} of its connections are open`);
      this.world.tell(party.id, "has left");
      // As the end of its process does.
      this.world.after(0, undefined, () => {
        this.world.kill(party.process);
      });
    });
  }

  stop(process: Process): void {
    this.world.stop(process);
    this.network.changed();
  }

  resume(process: Process): void {
    this.world.resume(process);
    this.network.changed();
  }
}

function eventText({ type, ...rest }: { type: string }): string {
  const text = JSON.stringify(rest, (_, value) => typeof value === "bigint" ? String(value) : value);
  return text === "{}" ? type : `${type} ${text}`;
}
