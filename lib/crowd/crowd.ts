/**
 * A crowd of simulated clients, grown in stages, and what each stage cost everybody.
 *
 * Guarantee: a stage has ended only when every broker knows every client and every client has been told of as many
 * others as its topic has; figures of a stage that never gets there are not given.
 */
import { monotonic } from "../base/clock.ts";
import type { BrokerQuestions } from "./broker_costs.ts";
import { type Reading, type StageFigures, stageFigures } from "./figures.ts";
import { inTime, pause, type Squad } from "./squad.ts";

/** How a crowd grows. */
export interface CrowdOptions {
  /** How long nothing happens after a stage, to see what rest costs. */
  readonly restMs: number;
  /** A stage that takes longer has failed. */
  readonly stageMs: number;
}

const LOOK_MS = 10;

/** All squads together, and the brokers that know them. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #brokers: readonly BrokerQuestions[];
  readonly #squads: readonly Squad[];
  #size = 0;

  constructor(brokers: readonly BrokerQuestions[], squads: readonly Squad[], options: CrowdOptions) {
    this.#brokers = brokers;
    this.#squads = squads;
    this.#options = options;
  }

  /** Grow to `size` clients, wait for agreement, rest. */
  async growTo(size: number, signal: AbortSignal): Promise<StageFigures> {
    const before = await this.#read();
    const registrations = size - this.#size;
    const deadline = monotonic() + this.#options.stageMs;
    const left = () => Math.max(0, deadline - monotonic());
    await Promise.all(this.#squads.map((squad) => squad.growTo(size, left(), signal)));
    this.#size = size;
    const registered = monotonic();
    const matched = Promise.all(this.#squads.map((squad) => squad.matched(size, left(), signal)));
    const [agreeMs, matchedMs] = await Promise.all([
      this.#agreed(deadline, signal).then(() => monotonic() - registered),
      matched.then(() => monotonic() - registered),
    ]);
    const agreed = await this.#read();
    await pause(this.#options.restMs);
    const rested = await this.#read();
    return stageFigures({ clients: size, registrations, agreeMs, matchedMs }, before, agreed, rested);
  }

  /** Every broker knows everybody. */
  async #agreed(deadline: number, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#brokers.map(async (broker) => {
      for (;;) {
        const { publishers, subscribers } = await broker.costs();
        if (publishers + subscribers === this.#size) return;
        await inTime(
          deadline,
          signal,
          `broker ${broker.broker.broker} to know ${this.#size}`,
          pause(LOOK_MS),
        );
      }
    }));
  }

  async #read(): Promise<Reading> {
    const brokers = await Promise.all(this.#brokers.map((broker) => broker.costs()));
    const squads = await Promise.all(this.#squads.map((squad) => squad.read()));
    const sum = (key: "operations" | "bytesIn" | "cpuMs") =>
      squads.reduce((total, reading) => total + reading[key], 0);
    const clients = { operations: sum("operations"), bytesIn: sum("bytesIn") };
    return { at: monotonic(), brokers, clients, cpuMs: sum("cpuMs") };
  }
}
