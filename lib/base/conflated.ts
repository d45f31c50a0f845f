/**
 * A value that changes, for consumers that want the newest one: each gets the current value first, then the newest
 * whenever there was a change since it last looked. A slow consumer skips what is out of date and never makes memory
 * grow.
 */
import { Latch } from "./latch.ts";

export class Conflated<T> {
  #value: T | undefined;
  #version = 0;
  #ended = false;
  readonly #consumers = new Set<Latch>();

  /** The newest value, undefined before the first. */
  get value(): T | undefined {
    return this.#value;
  }

  /** A new value, even when it equals the one before. */
  publish(value: T): void {
    this.#value = value;
    this.#version += 1;
    for (const latch of this.#consumers) latch.set();
  }

  /** No more values: consumers that have seen the newest one end. */
  end(): void {
    this.#ended = true;
    for (const latch of this.#consumers) latch.set();
  }

  /** The current value if there is one, then each newest; ends after {@link end} or when `signal` aborts. */
  async *values(signal?: AbortSignal): AsyncGenerator<T, void, void> {
    const latch = new Latch();
    const signals = signal === undefined ? [] : [signal];
    let seen = 0;
    this.#consumers.add(latch);
    try {
      while (!signal?.aborted) {
        if (seen !== this.#version) {
          seen = this.#version;
          yield this.#value as T;
        } else if (this.#ended) return;
        else await latch.wait(...signals);
      }
    } finally {
      this.#consumers.delete(latch);
    }
  }
}
