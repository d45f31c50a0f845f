/**
 * Tells a user of samples that are lost or dropped, without a line for each batch: when it begins at once, then once a
 * second with the sum, and once when it has ended. Pure: times are monotonic milliseconds.
 *
 * Guarantee: the counts told add up to all that was lost. What stands alone is one notice.
 */

/** Sums are told so often. */
const EVERY_MS = 1000;
/** It has ended when nothing more came for so long. */
const OVER_MS = 2000;

/** What happened to samples of one stream. */
export interface Loss {
  readonly type: "lost" | "fenced";
  readonly topic: string;
  readonly publisher: string;
  readonly reason: string;
  /** First and last number among them. */
  readonly from: number;
  readonly to: number;
  /** How many; fewer than the numbers between when others of them were delivered. */
  readonly count: number;
}

interface Running {
  /** Told so far. */
  told: number;
  toldAt: number;
  lastAt: number;
  /** To be told with the next sum. */
  next: Loss | undefined;
}

/** The losses of one subscriber. As many are remembered as streams lose at a time. */
export class LossNotices {
  readonly #tell: (text: string, loss?: Loss) => void;
  readonly #running = new Map<string, Running & { readonly about: Loss }>();

  /** @param tell takes each notice's text, and what is new in it. */
  constructor(tell: (text: string, loss?: Loss) => void) {
    this.#tell = tell;
  }

  /** Samples were lost. @param life of their publisher: each one numbers its samples anew */
  add(loss: Loss, now: number, life = 0): void {
    const key = `${loss.type}\0${loss.topic}\0${loss.publisher}\0${life}\0${loss.reason}`;
    const running = this.#running.get(key);
    if (!running) {
      this.#running.set(key, { about: loss, told: loss.count, toldAt: now, lastAt: now, next: undefined });
      this.#tell(`${verb(loss)} samples ${loss.from} to ${loss.to}${of(loss)}`, loss);
      return;
    }
    running.lastAt = now;
    const { next } = running;
    running.next = next === undefined ? loss : {
      ...loss,
      from: Math.min(next.from, loss.from),
      to: Math.max(next.to, loss.to),
      count: next.count + loss.count,
    };
    if (now - running.toldAt >= EVERY_MS) this.#sum(running, now);
  }

  /** Tell what is due. To be called now and then. */
  look(now: number): void {
    for (const [key, running] of this.#running) {
      if (running.next !== undefined && now - running.toldAt >= EVERY_MS) this.#sum(running, now);
      if (running.next === undefined && now - running.lastAt >= OVER_MS) this.#end(key, running);
    }
  }

  /** At the end: tell everything. */
  settle(now: number): void {
    for (const [key, running] of this.#running) {
      this.#sum(running, now);
      this.#end(key, running);
    }
  }

  #sum(running: Running, now: number): void {
    const { next } = running;
    if (next === undefined) return;
    running.next = undefined;
    running.told += next.count;
    running.toldAt = now;
    this.#tell(`${verb(next)} ${next.count} more samples, ${next.from} to ${next.to},${of(next)}`, next);
  }

  #end(key: string, { about, told }: { about: Loss; told: number }): void {
    this.#running.delete(key);
    if (told > about.count) this.#tell(`${verb(about)} ${told} samples in all${of(about)}; no more now`);
  }
}

function verb({ type }: Loss): string {
  return type === "lost" ? "lost" : "dropped";
}

function of({ publisher, topic, reason }: Loss): string {
  return ` of ${publisher} on topic ${topic}: ${reason}`;
}
