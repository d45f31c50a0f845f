/**
 * Clients that were sent to another zone and are back: they could not reach it, and are not sent away again for a while.
 * Pure: time is a parameter, monotonic milliseconds.
 */

/** Who registers again within this was not served where it was sent to. */
const BACK_WITHIN_MS = 30_000;
/** It stays for so long. */
const STAY_MS = 10 * 60_000;
/** Clients that are remembered; the first is forgotten for one more. */
export const MAX_HOMECOMERS = 10_000;

export class Homecomers {
  /** Until when they are remembered, by who they are; those first that were sent away or came back first. */
  readonly #remembered = new Map<string, { readonly back: boolean; readonly until: number }>();

  /** It was sent to another zone. */
  sent(client: string, now: number): void {
    this.#remember(client, false, now + BACK_WITHIN_MS);
  }

  /** It registers. */
  registered(client: string, now: number): void {
    const known = this.#remembered.get(client);
    if (known === undefined || known.until < now) this.#remembered.delete(client);
    else if (!known.back) this.#remember(client, true, now + STAY_MS);
  }

  /** Whether it is not to be sent away. */
  stays(client: string, now: number): boolean {
    const known = this.#remembered.get(client);
    return known !== undefined && known.back && known.until >= now;
  }

  #remember(client: string, back: boolean, until: number): void {
    this.#remembered.delete(client);
    if (this.#remembered.size >= MAX_HOMECOMERS) {
      const [oldest] = this.#remembered.keys();
      this.#remembered.delete(oldest!);
    }
    this.#remembered.set(client, { back, until });
  }
}
