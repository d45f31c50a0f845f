/**
 * The operations of one session under way: a bounded number on the wire, the rest in line behind them.
 *
 * Guarantees: each settles, exactly once, by its deadline; the order of sending is the order of asking. It reads no
 * state of the session: its owner says whether an operation may be sent now.
 */
import { monotonic } from "../base/clock.ts";
import { CoordinationError } from "../base/errors.ts";
import type { NativeError, Reply, ReplyCallback, Request } from "./native.ts";
import { serverError } from "./requests.ts";

/** How many operations may be on the wire, and how many more may wait for their turn. */
const MAX_IN_FLIGHT = 128;
const MAX_WAITING = 20_000;

/** Called with the answer before any later message of the server is read: the place to arm a watch. */
export type OnReply = (reply: Reply, error: NativeError | null) => void;

/** What an owner does for its operations. */
export interface OperationsOwner {
  /** Why nothing may be sent now; undefined when it may. */
  refusal(): "SUSPENDED" | "SESSION_LOST" | undefined;
  send(request: Request, callback: ReplyCallback): void;
  /** The server has answered what was sent at `sentAt`. */
  answered(sentAt: number): void;
  /** An operation on the wire has no answer by its deadline. */
  overdue(what: string): void;
}

interface Operation {
  verb: string;
  path: string;
  request: Request;
  sentAt: number;
  onReply: OnReply | undefined;
  resolve: (reply: Reply) => void;
  reject: (error: CoordinationError) => void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Operations {
  readonly #owner: OperationsOwner;
  readonly #deadlineMs: number;
  readonly #flying = new Set<Operation>();
  #waiting: Operation[] = [];
  #sent = 0;

  constructor(deadlineMs: number, owner: OperationsOwner) {
    this.#deadlineMs = deadlineMs;
    this.#owner = owner;
  }

  /** How many were sent so far. */
  get sent(): number {
    return this.#sent;
  }

  /**
   * Send a request when its turn comes and return the answer.
   *
   * @param verb what it does, for messages: "create".
   * @throws {CoordinationError}
   */
  perform(verb: string, path: string, request: Request, onReply?: OnReply): Promise<Reply> {
    const code = this.#owner.refusal();
    if (code !== undefined) return Promise.reject(notSent(code, verb, path));
    if (this.#waiting.length >= MAX_WAITING) {
      const why = `${MAX_WAITING} operations are waiting already`;
      return Promise.reject(
        new CoordinationError("OTHER", `Cannot ${verb} ${path} in ZooKeeper: ${why}`, path),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const operation: Operation = {
      verb,
      path,
      request,
      sentAt: 0,
      onReply,
      resolve,
      reject,
      timer: undefined,
    };
    operation.timer = setTimeout(() => this.#overdue(operation), this.#deadlineMs);
    if (this.#flying.size < MAX_IN_FLIGHT) this.#send(operation);
    else this.#waiting.push(operation);
    return promise;
  }

  /** Refuse what has not been sent. */
  refuseWaiting(code: "SUSPENDED" | "SESSION_LOST"): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const operation of waiting) this.#refuse(operation, code);
  }

  /** Refuse everything, what was sent too: its outcome is unknown. */
  refuseAll(): void {
    const flying = [...this.#flying];
    this.#flying.clear();
    for (const operation of flying) this.#refuse(operation, "SESSION_LOST");
    this.refuseWaiting("SESSION_LOST");
  }

  #send(operation: Operation): void {
    this.#flying.add(operation);
    this.#sent += 1;
    operation.sentAt = monotonic();
    this.#owner.send(operation.request, (error, reply) => this.#answered(operation, error, reply));
  }

  #answered(operation: Operation, error: NativeError | null, reply: Reply | undefined): void {
    // The library calls back with a reply when the server answered, without one when the connection was lost.
    if (reply !== undefined) this.#owner.answered(operation.sentAt);
    if (!this.#flying.delete(operation)) return;
    clearTimeout(operation.timer);
    if (reply !== undefined) operation.onReply?.(reply, error);
    if (error === null) operation.resolve(reply!);
    else operation.reject(serverError(operation.verb, operation.path, error.code));
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    while (this.#flying.size < MAX_IN_FLIGHT && this.#waiting.length > 0) {
      const next = this.#waiting.shift()!;
      const code = this.#owner.refusal();
      if (code === undefined) this.#send(next);
      else this.#refuse(next, code);
    }
  }

  #overdue(operation: Operation): void {
    const { verb, path } = operation;
    const index = this.#waiting.indexOf(operation);
    if (index >= 0) {
      this.#waiting.splice(index, 1);
      operation.reject(notSent("SUSPENDED", verb, path, "its turn did not come before its deadline"));
    } else if (this.#flying.delete(operation)) {
      const why = `no answer within ${this.#deadlineMs} ms`;
      operation.reject(
        new CoordinationError("DEADLINE", `Cannot ${verb} ${path} in ZooKeeper: ${why}`, path),
      );
      this.#owner.overdue(`${why} to "${verb} ${path}"`);
    }
  }

  #refuse(operation: Operation, code: "SUSPENDED" | "SESSION_LOST"): void {
    clearTimeout(operation.timer);
    operation.reject(notSent(code, operation.verb, operation.path));
  }
}

function notSent(
  code: "SUSPENDED" | "SESSION_LOST",
  verb: string,
  path: string,
  why = code === "SUSPENDED" ? "not connected at the moment" : "the session is over",
): CoordinationError {
  return new CoordinationError(code, `Cannot ${verb} ${path} in ZooKeeper: ${why}`, path);
}
