/** Which zone a new client goes to. Pure: chance is a parameter. */

/** How a client without a pinned zone is put on one. */
export type Assignment = "random" | "least-loaded" | "two-choices";

/** A zone that has a primary, and how many clients it has. */
export interface ZoneLoad {
  zone: number;
  clients: number;
}

/**
 * Pick a zone out of those with a primary.
 *
 * @param zones at least one.
 * @param random a number in [0, 1) a call.
 */
export function chooseZone(zones: readonly ZoneLoad[], assignment: Assignment, random: () => number): number {
  const pick = () => zones[Math.floor(random() * zones.length)]!;
  const lighter = (a: ZoneLoad, b: ZoneLoad) => b.clients < a.clients ? b : a;
  switch (assignment) {
    case "random":
      return pick().zone;
    case "two-choices":
      return lighter(pick(), pick()).zone;
    case "least-loaded": {
      // Of several equal ones a random one, or all that start together would meet in the first.
      const least = zones.reduce(lighter).clients;
      const lightest = zones.filter(({ clients }) => clients === least);
      return lightest[Math.floor(random() * lightest.length)]!.zone;
    }
  }
}
