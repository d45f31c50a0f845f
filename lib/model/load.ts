/**
 * The load figure's arithmetic and text form. Pure.
 *
 * load = (publishers + subscribers) / zones, where zones counts the zones that have a primary. It is kept in
 * `/shared_state/current_load` as decimal text.
 */
import { FormatError } from "../base/errors.ts";

/**
 * The load of the system: clients a zone.
 *
 * Without any zone it is 0 when there are no clients either, and `Infinity` when there are: clients that nobody
 * serves are more load than any threshold.
 */
export function loadOf(publishers: number, subscribers: number, zones: number): number {
  const clients = publishers + subscribers;
  if (clients === 0) return 0;
  return zones === 0 ? Infinity : clients / zones;
}

/** The load as decimal text: the shortest that parses to the same number. */
export function formatLoad(load: number): string {
  return String(load);
}

/**
 * The load from its text.
 *
 * @throws {FormatError} when the text is not a number of 0 or more.
 */
export function parseLoad(text: string): number {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?(e[+-]?\d+)?|Infinity)$/.test(trimmed)) {
    throw new FormatError(
      `Invalid load ${JSON.stringify(trimmed.slice(0, 40))}: must be a decimal number of 0 or more`,
    );
  }
  return Number(trimmed);
}
