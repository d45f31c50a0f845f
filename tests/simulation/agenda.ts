/** What is going to happen, in the order of time, and of planning at the same time. A binary heap. */
import type { Process } from "./world.ts";

/** What is done then. A promise that it gives is not waited for; when that rejects, somebody has crashed. */
export type Action = () => unknown;

/** Something that happens at a moment. */
export interface Happening {
  time: number;
  /** The order of what happens at the same time. */
  turn: number;
  readonly process: Process | undefined;
  readonly action: Action;
  /** It has happened, or is not to happen any more. */
  over: boolean;
  /** A program has set it. */
  timer?: boolean;
}

export class Agenda {
  readonly #heap: Happening[] = [];
  #turn = 0;

  add(time: number, process: Process | undefined, action: Action): Happening {
    const happening: Happening = { time, turn: 0, process, action, over: false };
    this.put(happening, time);
    return happening;
  }

  /** Plan it (anew) for this moment. */
  put(happening: Happening, time: number): void {
    happening.time = time;
    happening.turn = ++this.#turn;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(happening);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(happening, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = happening;
  }

  /** What is to happen, in no order. */
  *[Symbol.iterator](): Iterator<Happening> {
    for (const happening of this.#heap) if (!happening.over) yield happening;
  }

  /** Takes out what is next, if that is not after `latest`. */
  next(latest: number): Happening | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.time > latest) return undefined;
      this.#removeFirst();
      if (!first.over) return first;
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const { length } = heap;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= length) break;
      if (below + 1 < length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.time < other.time || (one.time === other.time && one.turn < other.turn);
}
