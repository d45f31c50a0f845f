/** Keys that somebody has subscribed to, as often as they were, and whether a message begins with one of them. */

export class Keys {
  readonly #counts = new Map<string, number>();
  readonly #lengths = new Map<number, number>();
  #longest = 0;

  get all(): Iterable<string> {
    return this.#counts.keys();
  }

  /** @returns whether it is the first. */
  add(key: string): boolean {
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    if (count > 0) return false;
    this.#lengths.set(key.length, (this.#lengths.get(key.length) ?? 0) + 1);
    this.#longest = Math.max(this.#longest, key.length);
    return true;
  }

  /** @returns whether it was the last. */
  delete(key: string): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    if (count !== 1) return false;
    this.#counts.delete(key);
    const left = this.#lengths.get(key.length)! - 1;
    if (left > 0) this.#lengths.set(key.length, left);
    else {
      this.#lengths.delete(key.length);
      this.#longest = Math.max(0, ...this.#lengths.keys());
    }
    return true;
  }

  has(key: string): boolean {
    return this.#counts.has(key);
  }

  /** Bytes of the longest one. */
  get longest(): number {
    return this.#longest;
  }

  matches(start: string): boolean {
    for (const length of this.#lengths.keys()) {
      if (start.length >= length && this.#counts.has(start.slice(0, length))) return true;
    }
    return false;
  }
}
