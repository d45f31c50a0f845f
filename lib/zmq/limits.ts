/**
 * How many sockets this process may open. Every socket and every connection takes a file descriptor, and a process
 * that runs out of them is ended by its runtime; so the last ones are kept back, and few of them are told at start.
 *
 * Deno has raised the limit as far as it may before any of our code runs.
 */
import { PubsubError } from "../base/errors.ts";
import { logger } from "../base/log.ts";

/** Fewer descriptors than these are worth a warning. */
const FEW = 4096;
/** Kept back, for the runtime and for peers that connect. */
const RESERVE = 64;
/** What a process has open without any socket of ours, about. */
const BASE = 40;

let limit: number | undefined;

/** The limit of open files as /proc/self/limits tells it; Infinity if it does not say. Pure. */
export function parseDescriptorLimit(limits: string): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Infinity : Number(soft);
}

/** Whether a descriptor with this number (the lowest free one) leaves a reserve. Pure. */
export function leavesReserve(descriptor: number, limit: number): boolean {
  return descriptor < limit - Math.min(RESERVE, limit / 8);
}

/** The most files this process may have open. Warns at the first call if they are few. */
export function descriptorLimit(): number {
  if (limit !== undefined) return limit;
  try {
    limit = parseDescriptorLimit(Deno.readTextFileSync("/proc/self/limits"));
  } catch {
    limit = Infinity;
  }
  if (limit < FEW) {
    const connections = Math.max(0, limit - RESERVE - BASE);
    logger("zmq").warn(
      `Only ${limit} files may be open, enough for about ${connections} connections: raise ulimit -n`,
    );
  }
  return limit;
}

/** @throws {PubsubError} if a socket with this descriptor takes from the reserve */
export function checkDescriptor(descriptor: number): void {
  if (leavesReserve(descriptor, descriptorLimit())) return;
  throw new PubsubError(
    `Cannot open a ZeroMQ socket: ${descriptor} of ${limit} files are open, raise ulimit -n`,
  );
}
