/**
 * Who is before whom among the contenders of a path. Pure.
 *
 * A contender is an ephemeral sequential child `<guid>-<ten digits>`. Order is by the digits, never by the whole name.
 */

/** A contender's place among others. */
export interface Contender {
  name: string;
  sequence: number;
  /** Higher goes first. Elections have none: everybody 0. */
  strength: number;
}

/** The sequence number in a contender's name; undefined when the name is not a contender's. */
export function sequenceOf(name: string): number | undefined {
  // ZooKeeper's counter is a signed 32-bit number that may have wrapped around: `…--2147483648`.
  const digits = /-(-?\d{10,})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** First by strength, highest first, then by arrival. */
export function compareContenders(a: Contender, b: Contender): number {
  return b.strength - a.strength || a.sequence - b.sequence ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** The contenders among `names`, in order; `strengthOf` undefined leaves a name out. */
export function queueOf(
  names: readonly string[],
  strengthOf: (name: string) => number | undefined = () => 0,
): Contender[] {
  const contenders: Contender[] = [];
  for (const name of names) {
    const sequence = sequenceOf(name);
    const strength = sequence === undefined ? undefined : strengthOf(name);
    if (sequence !== undefined && strength !== undefined) contenders.push({ name, sequence, strength });
  }
  return contenders.sort(compareContenders);
}

/** Where `name` stands: `first`, behind `predecessor`, or `absent`. */
export type Place = { kind: "first" } | { kind: "behind"; predecessor: string } | { kind: "absent" };

export function placeOf(name: string, queue: readonly Contender[]): Place {
  const index = queue.findIndex((contender) => contender.name === name);
  if (index < 0) return { kind: "absent" };
  return index === 0 ? { kind: "first" } : { kind: "behind", predecessor: queue[index - 1]!.name };
}

/** Nodes among the contenders that are not ephemeral, and so nobody's: named once each, and passed over. */
export class Impostors {
  readonly #names = new Set<string>();
  readonly #path: string;
  readonly #tell: (text: string) => void;

  constructor(path: string, tell: (text: string) => void) {
    this.#path = path;
    this.#tell = tell;
  }

  /** The names that are not known for impostors. Those that are gone are forgotten. */
  without(names: readonly string[]): readonly string[] {
    if (this.#names.size === 0) return names;
    const present = new Set(names);
    for (const name of this.#names) if (!present.has(name)) this.#names.delete(name);
    return names.filter((name) => !this.#names.has(name));
  }

  /** This is one. */
  found(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.#tell(`ignoring znode ${this.#path}/${name}: it is persistent, and so no contender's`);
  }
}
