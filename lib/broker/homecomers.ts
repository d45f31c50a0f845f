/**
 * Clients that were sent to another broker and are back: they could not reach it, and are not sent there again for a
 * while. Pure: time is a parameter, monotonic milliseconds.
 */

/** Who registers again within this was not served where it was sent to. */
const BACK_WITHIN_MS = 30_000;
/** It is not sent there again for so long. */
const STAY_MS = 10 * 60_000;
/** Of clients that were sent, and of those that are back, so many are remembered; the first is forgotten for one more. */
export const MAX_HOMECOMERS = 10_000;

export class Homecomers {
  /** Who was sent where, when. */
  readonly #sent = new Map<string, { readonly to: string; readonly at: number }>();
  /** Who is back from where, and when that is forgotten. */
  readonly #back = new Map<string, number>();

  /** It was sent there. */
  sent(client: string, to: string, now: number): void {
    remember(this.#sent, client, { to, at: now });
  }

  /** It registers. @param isThere whether a broker that it was sent to serves */
  registered(client: string, now: number, isThere: (to: string) => boolean): void {
    const sent = this.#sent.get(client);
    if (sent === undefined) return;
    this.#sent.delete(client);
    if (now - sent.at > BACK_WITHIN_MS || !isThere(sent.to)) return;
    remember(this.#back, `${client} ${sent.to}`, now + STAY_MS);
  }

  /** Whether it is not to be sent there. */
  stays(client: string, to: string, now: number): boolean {
    return now < (this.#back.get(`${client} ${to}`) ?? -Infinity);
  }
}

/** Put it last. */
function remember<T>(into: Map<string, T>, key: string, value: T): void {
  into.delete(key);
  if (into.size >= MAX_HOMECOMERS) {
    const [oldest] = into.keys();
    into.delete(oldest!);
  }
  into.set(key, value);
}
