/**
 * Every typed error of pubsub, in one file.
 *
 * A user sees `message` as one line: what happened, to what, and what to do. The `cause` and the stack are
 * for `--verbose`.
 */

/** Base of all errors that pubsub throws on purpose. Exit code 1 when it reaches the command line. */
export class PubsubError extends Error {
  /** Its name, the same in minified code. */
  override name = "PubsubError";
}

/** A flag, option or argument has a value that its rule does not allow. Exit code 2. */
export class UsageError extends PubsubError {
  /** Its name, the same in minified code. */
  override name = "UsageError";
}

/** Bytes or JSON from the network or from a znode do not follow their format. Never fatal to the receiver. */
export class FormatError extends PubsubError {
  /** Its name, the same in minified code. */
  override name = "FormatError";
}

/** Something did not happen before its deadline. */
export class DeadlineError extends PubsubError {
  /** Its name, the same in minified code. */
  override name = "DeadlineError";
}

/** A native thread does not come back: only a new process helps. */
export class StuckError extends PubsubError {
  /** Its name, the same in minified code. */
  override name = "StuckError";
}

/** Why a ZooKeeper operation failed. The first group is the server's answer, the second is the client's state. */
export type CoordinationCode =
  | "NO_NODE"
  | "NODE_EXISTS"
  | "BAD_VERSION"
  | "NOT_EMPTY"
  | "NO_AUTH"
  | "INVALID"
  | "OTHER"
  /** The reply was lost: the server may or may not have applied the operation. */
  | "CONNECTION_LOSS"
  /** No reply before the operation's deadline: it may or may not have been applied. */
  | "DEADLINE"
  /** The session was suspended (disconnected): nothing was sent. */
  | "SUSPENDED"
  /** The session is over, by the server's word or by our own clock. */
  | "SESSION_LOST"
  /** This client was closed. */
  | "CLOSED";

/** A ZooKeeper operation that did not succeed: `code` says why, `path` on what. */
export class CoordinationError extends PubsubError {
  /** Its name, the same in minified code. */
  override name = "CoordinationError";
  /**
   * What did not succeed, and why.
   *
   * @param code why it failed
   * @param path the znode, if it was about one
   */
  constructor(
    readonly code: CoordinationCode,
    message: string,
    readonly path?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the operation may have been applied although no reply came: read before trying again. */
  get maybeApplied(): boolean {
    return this.code === "CONNECTION_LOSS" || this.code === "DEADLINE" || this.code === "SESSION_LOST";
  }

  /** Whether `error` is a coordination error with one of `codes`. */
  static is(error: unknown, ...codes: CoordinationCode[]): error is CoordinationError {
    return error instanceof CoordinationError && (codes.length === 0 || codes.includes(error.code));
  }
}

/** The message of anything that was thrown, on one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ");
}
