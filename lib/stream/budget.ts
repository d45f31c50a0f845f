/**
 * What a publisher may have under way over all of its topics together, in bytes and messages: one connection carries
 * them all, and what its queue cannot hold is dropped there and has to be asked for again. Pure.
 *
 * Each topic has an account. What is counted is what the slowest subscriber of the topic that is waited for has not
 * acknowledged, once however many get it, and the message that is being packed. The limit is the publisher's own, or
 * the smallest credit that one of these subscribers gives.
 *
 * Guarantee: who looks at `full` before each sample has at most the limit and one message under way. Each topic asks
 * for an acknowledgement at the latest when a quarter of the limit has been sent, over all topics, since it asked last.
 */
import type { Share } from "../wire/upstream.ts";

/**
 * The most that one publisher has under way. In messages half of what a queue holds (4,096), as ZeroMQ tells the
 * writer only of every half that was read.
 */
export const MOST_IN_FLIGHT: Share = { bytes: 16 * 1024 * 1024, messages: 2048 };
/**
 * A credit below this is taken for this: a publisher that has to wait after each message is slow, and one of nothing
 * would stop it.
 */
export const LEAST_CREDIT: Share = { bytes: 128 * 1024, messages: 16 };
/** No credit told: only the publisher's own limit. */
export const ANY_CREDIT: Share = { bytes: Infinity, messages: Infinity };
/** Acknowledgements are asked for so often while as much as the limit is sent. */
const ASK_TIMES = 4;

/** The budget of one publisher. */
export class Budget {
  /** Whether the next sample has to wait. */
  full = false;
  readonly #most: Share;
  readonly #accounts: Account[] = [];
  #limit: Share;
  #bytes = 0;
  #messages = 0;

  constructor(most: Share = MOST_IN_FLIGHT) {
    this.#most = this.#limit = most;
  }

  /** What may be under way now. */
  get limit(): Share {
    return this.#limit;
  }
  /** What is under way; a message that is being packed counts as one. */
  get used(): Share {
    return { bytes: this.#bytes, messages: this.#messages };
  }
  /** One account a topic. */
  get accounts(): number {
    return this.#accounts.length;
  }

  /** The account of one more topic. */
  open(): Account {
    const account = new Account(this);
    this.#accounts.push(account);
    return account;
  }

  /** What is under way has changed by so much. For accounts. */
  change(bytes: number, messages: number): void {
    this.#bytes += bytes;
    this.#messages += messages;
    this.full = this.#bytes >= this.#limit.bytes || this.#messages >= this.#limit.messages;
  }

  /** The credit of an account has changed. For accounts. */
  limitAgain(): void {
    let { bytes, messages } = this.#most;
    for (const { credit } of this.#accounts) {
      bytes = Math.min(bytes, Math.max(credit.bytes, LEAST_CREDIT.bytes));
      messages = Math.min(messages, Math.max(credit.messages, LEAST_CREDIT.messages));
    }
    this.#limit = { bytes, messages };
    this.change(0, 0);
  }

  /** Ever sent over all topics. */
  readonly sent = { bytes: 0, messages: 0 };

  /** Whether it is time to ask, when last it was asked at `bytes` and `messages` of what was ever sent. */
  due(bytes: number, messages: number): boolean {
    return (this.sent.bytes - bytes) * ASK_TIMES >= this.#limit.bytes ||
      (this.sent.messages - messages) * ASK_TIMES >= this.#limit.messages;
  }
}

/** What one topic has under way. */
export class Account {
  readonly #budget: Budget;
  #bytes = 0;
  #messages = 0;
  /** Whether a message is being packed that is counted. */
  #begun = false;
  #askedBytes = 0;
  #askedMessages = 0;
  #credit: Share = ANY_CREDIT;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Whether the budget is used up. */
  get full(): boolean {
    return this.#budget.full;
  }
  /** Messages sent and not acknowledged. */
  get messages(): number {
    return this.#messages;
  }
  /** The least that one of those who are waited for lets the publisher have under way. */
  get credit(): Share {
    return this.#credit;
  }
  set credit(credit: Share) {
    if (credit.bytes === this.#credit.bytes && credit.messages === this.#credit.messages) return;
    this.#credit = credit;
    this.#budget.limitAgain();
  }
  /** Whether the budget is used up, and this topic has its part in that: one of all topics always has. */
  get holdsUp(): boolean {
    const { full, used, limit, accounts } = this.#budget;
    if (!full) return false;
    return used.messages >= limit.messages && this.#messages * accounts >= used.messages - accounts ||
      used.bytes >= limit.bytes && this.#bytes * accounts >= used.bytes;
  }

  /** A message is begun, that will have to be acknowledged. */
  begin(): void {
    this.#begun = true;
    this.#budget.change(0, 1);
  }

  /**
   * A message is sent.
   *
   * @param counts whether it has to be acknowledged.
   * @returns whether to ask for an acknowledgement with it.
   */
  send(bytes: number, counts: boolean): boolean {
    const begun = this.#begun ? 1 : 0;
    this.#begun = false;
    if (!counts) {
      if (begun > 0) this.#budget.change(0, -begun);
      return false;
    }
    this.#bytes += bytes;
    this.#messages++;
    const { sent } = this.#budget;
    sent.bytes += bytes;
    sent.messages++;
    this.#budget.change(bytes, 1 - begun);
    if (!this.#budget.due(this.#askedBytes, this.#askedMessages)) return false;
    this.#askedBytes = sent.bytes;
    this.#askedMessages = sent.messages;
    return true;
  }

  /** So much of what was sent is not acknowledged. */
  set(bytes: number, messages: number): void {
    const [before, messagesBefore] = [this.#bytes, this.#messages];
    this.#bytes = bytes;
    this.#messages = messages;
    this.#budget.change(bytes - before, messages - messagesBefore);
  }
}
