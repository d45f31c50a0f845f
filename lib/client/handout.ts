/**
 * What of a subscriber's samples waits for its user, and what becomes of it: it is handed out in order, and acknowledged
 * when it was taken.
 */
import { AsyncQueue } from "../base/async_queue.ts";
import { monotonic } from "../base/clock.ts";
import { Delivery } from "../stream/delivery.ts";
import { costOf, Room } from "../stream/room.ts";
import type { Sample, SampleBatch } from "../wire/batch.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { Following } from "./following.ts";

/** Acknowledgements that are not urgent wait so long for more. */
const ACKNOWLEDGE_AFTER_MS = 20;

/** What waits to be taken, and how many numbers of its stream were given up before it. */
interface Waiting {
  readonly following: Following;
  readonly batch: SampleBatch;
  readonly givenUp: number;
}

/** Whom it is done for. */
export interface HandoutOwner {
  /** Whether publishers share what may be under way to us. */
  shared(): boolean;
  /** What found no room before may be asked for now. */
  roomAgain(): void;
}

export class Handout {
  /** For what is not taken yet, and what waits behind holes. */
  readonly room = new Room();
  readonly #owner: HandoutOwner;
  readonly #queue = new AsyncQueue<Waiting>();
  readonly #acknowledgements = new Acknowledgements();
  readonly #delivery = new Delivery<Waiting>(this.#queue, {
    opened: (waiting) => this.#opened(waiting),
    taken: (waiting, samples, whole) => this.#taken(waiting, samples, whole),
  }, monotonic);

  constructor(owner: HandoutOwner) {
    this.#owner = owner;
  }

  /** These samples are next. @returns false when nothing is handed out any more. */
  put(following: Following, batch: SampleBatch): boolean {
    if (this.#queue.closed) return false;
    this.room.queue(costOf(batch));
    following.waiting++;
    this.#queue.push({ following, batch, givenUp: following.stream.givenUp });
    return true;
  }

  samples(): AsyncIterableIterator<Sample, undefined> {
    return this.#delivery.samples();
  }

  batches(): AsyncIterableIterator<SampleBatch, undefined> {
    return this.#delivery.batches();
  }

  #opened({ batch }: Waiting): void {
    const { room } = this;
    room.queue(-costOf(batch));
    if (!room.wanted || !room.mayAsk) return;
    room.wanted = false;
    this.#owner.roomAgain();
  }

  #taken({ following, givenUp }: Waiting, samples: SampleBatch, whole: boolean): void {
    if (whole) following.waiting--;
    const due = following.taken(samples, givenUp, this.#owner.shared());
    if (due === "later") this.#acknowledgements.within(following, ACKNOWLEDGE_AFTER_MS);
    else if (due === "soon") this.#acknowledgements.soon(following);
  }

  /** Nothing is acknowledged by itself any more. */
  leave(): void {
    this.#acknowledgements.close();
  }

  /** Nothing comes any more: loops end with what is here. */
  close(): void {
    this.#queue.close();
  }
}
