/**
 * The context that all sockets of the process share: opened with the first, ended with the last.
 *
 * Guarantee: ending waits, on a thread of its own, until lingering messages are sent or their time is over; that
 * keeps the process alive for so long and no longer. Sockets opened meanwhile get a new context.
 */
import { PubsubError } from "../base/errors.ts";
import { failure, type Handle, zmq } from "./library.ts";

/** ZMQ_MAX_SOCKETS; the library's own 1023 is soon reached, and can only be raised before the first socket. */
const MAX_SOCKETS_OPTION = 2;
const MAX_SOCKETS = 65_535;

let context: Handle | undefined;
let users = 0;
const ending = new Set<Promise<void>>();

/** The context, for one more socket. Give it back with {@link releaseContext}. */
export function acquireContext(): Handle {
  context ??= open();
  users++;
  return context;
}

function open(): Handle {
  const made = zmq().zmq_ctx_new();
  if (made === null) throw new PubsubError(`Cannot open a ZeroMQ context: ${failure()}`);
  zmq().zmq_ctx_set(made, MAX_SOCKETS_OPTION, MAX_SOCKETS);
  return made;
}

/** One socket less. */
export function releaseContext(): void {
  users--;
  if (users > 0 || context === undefined) return;
  const over = end(context);
  context = undefined;
  ending.add(over);
  void over.finally(() => ending.delete(over));
}

async function end(old: Handle): Promise<void> {
  // It fails only when a signal interrupts the wait.
  while (await zmq().zmq_ctx_term(old) !== 0);
}

/** Resolves when every context whose sockets are all closed has ended. */
export async function contextsEnded(): Promise<void> {
  await Promise.all(ending);
}
