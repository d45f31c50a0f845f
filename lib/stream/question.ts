/**
 * What a stream has asked its publisher for and has not got: asked for again after pauses that grow, or when there is room.
 * Pure: time is a parameter.
 */
import type { WantedReplay } from "./stream_surroundings.ts";

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;

export class Question implements WantedReplay {
  request: number;
  from: number;
  to: number;
  readonly depth: number;
  /** The next number when it was asked first: an answer that does not change it was of no use. */
  readonly nextBefore: number;
  /** When it is to be asked again. */
  retryAt: number;
  /** Requests from this number on ask for the same thing. */
  readonly #firstRequest: number;
  #pause: number;
  #deferred = false;

  /**
   * @param next the next number to deliver
   * @param wait the first pause, 0 for the usual one
   */
  constructor({ request, from, to, depth }: WantedReplay, next: number, now: number, wait: number) {
    this.request = this.#firstRequest = request;
    this.from = from;
    this.to = to;
    this.depth = depth;
    this.nextBefore = next;
    this.#pause = wait || FIRST_RETRY_MS;
    this.retryAt = now + this.#pause;
  }

  /** It could not be asked as there was no room. */
  get deferred(): boolean {
    return this.#deferred;
  }
  /** After how long it is asked again. */
  get pause(): number {
    return this.#pause;
  }

  /** Whether an answer with this number is one to it. */
  isAnsweredBy(request: number): boolean {
    return request >= this.#firstRequest && request <= this.request;
  }

  /** The answer is on its way: asking again would make it longer. */
  heard(now: number): void {
    this.retryAt = now + this.#pause;
  }

  /** There is no room for an answer. */
  defer(now: number): void {
    this.#deferred = true;
    this.retryAt = now + LAST_RETRY_MS;
  }

  /** It is asked again, with another number and for what is missing now. */
  again(request: number, from: number, to: number, now: number): void {
    this.#pause = this.#deferred ? FIRST_RETRY_MS : Math.min(this.#pause * 2, LAST_RETRY_MS);
    this.#deferred = false;
    this.request = request;
    this.from = from;
    this.to = to;
    this.retryAt = now + this.#pause;
  }
}
