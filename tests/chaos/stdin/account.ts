/**
 * The independent count around `publisher --stdin`: what every life of a reader printed of every source, by content
 * alone, and whether somebody told of what is missing. It knows nothing of the system's own counters but the two that
 * it judges: the summary line of a reader and the exit code of a publisher. Pure.
 *
 * A line is `<source> <number>`, numbers of a source are 1, 2, 3 …, and behind another space as many dots as make it
 * as long as it is to be.
 */

/** What one life of a reader printed of one source. */
export class Printed {
  count = 0;
  first = 0;
  last = 0;
  /** Printed below a later one, or again. */
  disorder = 0;
  readonly #gaps: [from: number, to: number][] = [];

  take(number: number): void {
    this.count++;
    if (this.count === 1) this.first = number;
    else if (number <= this.last) {
      this.disorder++;
      return;
    } else if (number > this.last + 1) this.#gaps.push([this.last + 1, number - 1]);
    this.last = number;
  }

  /** What is not there from `from` to `to`, as ranges. */
  missing(from: number, to: number): [from: number, to: number][] {
    const ranges: [number, number][] = this.count === 0
      ? [[from, to]]
      : [[from, this.first - 1], ...this.#gaps, [this.last + 1, to]];
    return ranges.map(([a, b]): [number, number] => [Math.max(a, from), Math.min(b, to)])
      .filter(([a, b]) => a <= b);
  }
}

/** How many numbers these ranges have. */
export function sizeOf(ranges: readonly (readonly [number, number])[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/** One life of a reader: from the start of its process to its end. */
export class LifeAccount {
  /** It was ended by SIGKILL: it has no summary. */
  killed = false;
  /** The line it ended with; undefined when there was none. */
  summary: string | undefined;
  /** It said that it was registered. */
  ready = false;
  /** What it printed that is no line of a source. */
  readonly strange: string[] = [];
  readonly sources = new Map<string, Printed>();
  #source = "";
  #printed: Printed | undefined;

  /** @param number of its life, from 1: the same id may live again. */
  constructor(readonly id: string, readonly number: number) {}

  get name(): string {
    return this.number === 1 ? this.id : `${this.id} (life ${this.number})`;
  }

  /** It printed a payload. */
  take(payload: string): void {
    const space = payload.indexOf(" ");
    const number = parseInt(payload.slice(space + 1), 10);
    if (space < 1 || !(number > 0)) {
      if (this.strange.length < 5) this.strange.push(payload.slice(0, 60));
      return;
    }
    const source = payload.slice(0, space);
    if (source !== this.#source || this.#printed === undefined) {
      this.#source = source;
      this.#printed = this.of(source);
    }
    this.#printed.take(number);
  }

  of(source: string): Printed {
    return this.sources.getOrInsertComputed(source, () => new Printed());
  }

  /** A count of its summary, 0 when that does not have it. */
  counted(name: string): number {
    return Number(new RegExp(`\\b${name}=(\\d+)`).exec(this.summary ?? "")?.[1] ?? 0);
  }
}

/** How a publisher ended, and what it was given. */
export interface PublisherAccount {
  readonly id: string;
  /** Lines given to it so far, the last number. */
  given: number;
  /** Every reader had joined before its first line. */
  readonly awaited: boolean;
  /** It was ended by SIGKILL: nothing it says counts. */
  killed: boolean;
  /** Exit code; undefined while it runs. */
  code: number | undefined;
  /** Lines of its standard error at level ERROR. */
  readonly errors: string[];
}

/** What the count found. */
export interface Verdict {
  /** Missing, and nobody told; printed twice; … */
  readonly violations: string[];
  /** Missing at a reader that was killed, perhaps before it had joined. */
  readonly doubts: string[];
  /** What is missing where, whoever told of it. */
  readonly missing: string[];
  /** False alarms: told of although it is not missing. */
  readonly remarks: string[];
  /** A reader that is alive misses something that no exit code has told of. */
  readonly hope: boolean;
}

interface Findings extends Verdict {
  hope: boolean;
}

/** Whether a publisher said, at level ERROR, who has not got everything, and ended with 1. */
export function tells({ code, errors }: PublisherAccount, reader: string): boolean {
  const name = new RegExp(`(?<![\\w-])${reader}(?![\\w-])`);
  return code === 1 && errors.some((line) => name.test(line));
}

/** Compare what was given with what was printed and told. */
export function judge(lives: readonly LifeAccount[], publishers: readonly PublisherAccount[]): Verdict {
  const verdict: Findings = { violations: [], doubts: [], missing: [], remarks: [], hope: false };
  for (const { id, code, killed, errors } of publishers) {
    if (!killed && code !== 0 && code !== 1) {
      verdict.violations.push(code === undefined ? `${id} has not ended` : `${id} ended with ${code}`);
    } else if (code === 1 && errors.length === 0) verdict.violations.push(`${id} ended with 1 and no error`);
  }
  for (const life of lives) judgeLife(life, lives, publishers, verdict);
  const everybodyHas = ({ id, given }: PublisherAccount) =>
    lives.every((life) => life.of(id).count === given);
  for (const publisher of publishers) {
    if (publisher.code !== 1 || !everybodyHas(publisher)) continue;
    verdict.remarks.push(`${publisher.id} ended with 1 although every reader has everything`);
  }
  return verdict;
}

function judgeLife(
  life: LifeAccount,
  lives: readonly LifeAccount[],
  publishers: readonly PublisherAccount[],
  verdict: Findings,
): void {
  const { violations, doubts, missing, remarks } = verdict;
  if (life.strange.length > 0) violations.push(`${life.name} printed ${JSON.stringify(life.strange[0])}`);
  let untold = 0;
  let all = 0;
  const untoldOf: string[] = [];
  for (const publisher of publishers) {
    const printed = life.of(publisher.id);
    all += Math.max(0, publisher.given - printed.count);
    if (printed.disorder > 0) {
      violations.push(`${life.name} printed ${printed.disorder} of ${publisher.id} again or out of order`);
    }
    if (printed.last > publisher.given) {
      violations.push(
        `${life.name} printed number ${printed.last} of ${publisher.id}, given ${publisher.given}`,
      );
    }
    if (publisher.killed) continue;
    // What it read: all of it when it says that all is well, else at least what came out anywhere.
    let read = publisher.code === 0
      ? publisher.given
      : Math.max(...lives.map((one) => one.of(publisher.id).last));
    // What the next life under this id was given is not owed to this one.
    const next = lives.find(({ id, number }) => id === life.id && number > life.number)?.of(publisher.id)
      .first;
    if (next) read = Math.min(read, next - 1);
    const from = publisher.awaited && life.number === 1 ? 1 : printed.first;
    if (from === 0 || read === 0) continue;
    const ranges = printed.missing(from, read);
    const count = sizeOf(ranges);
    if (count === 0) continue;
    const told = tells(publisher, life.id);
    const what = `${count} of ${read} of ${publisher.id} (${formatRanges(ranges)})`;
    missing.push(`${life.name} misses ${what}${told ? ", the exit code tells" : ""}`);
    if (told) continue;
    if (life.killed) {
      const text = `${life.name}, killed, misses ${what}, and ${publisher.id} ended with ${publisher.code}` +
        (publisher.code === 0 ? "" : " without its name");
      // It may have been killed before it had joined.
      if (printed.count > 0) violations.push(text);
      else doubts.push(text);
    } else if (publisher.code === 0) {
      // Whoever is there at the end was waited for, and has told what it had to give up.
      violations.push(`${life.name} misses ${what}, and ${publisher.id} ended with 0`);
      verdict.hope = true;
    } else {
      untold += count;
      untoldOf.push(`${what}, which ended with ${publisher.code}`);
    }
  }
  if (life.killed) return;
  if (untold > 0) verdict.hope = true;
  if (life.summary === undefined) {
    if (life.ready) violations.push(`${life.name} ended without a summary`);
    return;
  }
  const lost = life.counted("lost");
  const fenced = life.counted("fenced");
  if (lost > all && !publishers.some(({ killed }) => killed)) {
    remarks.push(`${life.name} says lost=${lost}, and misses at most ${all}`);
  }
  if (untold <= lost + fenced) return;
  violations.push(`${life.name} misses ${untoldOf.join("; ")}; it says lost=${lost} fenced=${fenced}`);
}

/** The first few of them. */
export function formatRanges(ranges: readonly (readonly [number, number])[]): string {
  const some = ranges.slice(0, 3).map(([from, to]) => from === to ? `${from}` : `${from}–${to}`);
  return some.join(", ") + (ranges.length > 3 ? `, … ${ranges.length} holes` : "");
}
