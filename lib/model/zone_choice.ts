/** Which zone a new client goes to. Pure: chance is a parameter. */

/** How a client without a pinned zone is put on one. */
export type Assignment = "random" | "least-loaded" | "two-choices";

/** A zone that has a primary, and how many clients it has. */
export interface ZoneLoad {
  zone: number;
  clients: number;
}

/**
 * The zones whose clients have to be counted to choose one: a random one, two different random ones, or all.
 *
 * @param zones at least one, each once.
 * @param random a number in [0, 1) a call.
 */
export function zonesToCompare(
  zones: readonly number[],
  assignment: Assignment,
  random: () => number,
): number[] {
  if (assignment === "least-loaded") return [...zones];
  const first = Math.floor(random() * zones.length);
  if (assignment === "random" || zones.length === 1) return [zones[first]!];
  const second = Math.floor(random() * (zones.length - 1));
  return [zones[first]!, zones[second < first ? second : second + 1]!];
}

/**
 * Of zones to compare the one with fewest clients; of several equal ones a random one, or all clients that start
 * together would meet in the first.
 *
 * @param zones at least one.
 */
export function lightest(zones: readonly ZoneLoad[], random: () => number): number {
  const least = Math.min(...zones.map(({ clients }) => clients));
  const equal = zones.filter(({ clients }) => clients === least);
  return equal[Math.floor(random() * equal.length)]!.zone;
}
