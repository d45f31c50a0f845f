/** The address under which other hosts reach this process, and where it listens for them. */
import { PubsubError, reasonOf } from "../base/errors.ts";
import { firstConnectionToHost } from "./first_connection.ts";
import { isAddress, withoutBrackets } from "./host.ts";
import { pause } from "../base/pause.ts";
import { resolver } from "./resolve.ts";

/** Where an ensemble can be reached. */
export interface Ensemble {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
}

/** How long the hosts of an ensemble are asked before they are asked anew. */
const ROUND_MS = 5000;
const RETRY_MS = 200;
/** So long nothing is said: a healthy ZooKeeper answers within it. */
export const PATIENCE_MS = 1000;

/**
 * Our address on the way to ZooKeeper: loopback when ZooKeeper is on this host's loopback, else that of the
 * interface that routes there.
 *
 * @returns undefined when none of its hosts could be reached, or `signal` is aborted: then at once.
 */
export async function addressTowards(
  zookeeper: Ensemble,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const hosts = zookeeper.hosts.map(({ host, port }) => ({ hostname: host, port }));
  const connection = await firstConnectionToHost(hosts, ROUND_MS, signal);
  connection?.close();
  return connection?.localAddr.hostname;
}

/**
 * The same, waiting for as long as it takes.
 *
 * @param waiting called once, when it takes longer than a healthy ZooKeeper needs.
 * @throws the signal's reason as soon as it aborts.
 */
export async function addressOnceReachable(
  zookeeper: Ensemble,
  waiting: () => void,
  signal: AbortSignal,
): Promise<string> {
  const patience = setTimeout(waiting, PATIENCE_MS);
  try {
    for (;;) {
      signal.throwIfAborted();
      const found = await addressTowards(zookeeper, signal);
      if (found !== undefined) return found;
      await pause(RETRY_MS, signal);
    }
  } finally {
    clearTimeout(patience);
  }
}

/** An endpoint such as `tcp://10.0.0.3:4711`; IPv6 addresses get their brackets. */
export function tcpEndpoint(host: string, port: number | "*"): string {
  return `tcp://${bracketed(host)}:${port}`;
}

/** The endpoint under which others reach what is bound to `bound`: the same port at `host`. */
export function advertised(host: string, bound: string): string {
  return `tcp://${bracketed(host)}${bound.slice(bound.lastIndexOf(":"))}`;
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/** An address of this machine and the interface that has it. */
export interface OwnAddress {
  readonly name: string;
  readonly address: string;
}

/**
 * Where to listen so that `host` reaches us: on that address alone when it is one of this machine's, else on all. What
 * a name means to others is not asked: it may be another address there, so for a name we listen on all of both kinds.
 *
 * @throws the signal's reason when it aborts meanwhile.
 */
export async function listenAddress(
  host: string,
  signal?: AbortSignal,
  interfaces: readonly OwnAddress[] = Deno.networkInterfaces(),
): Promise<string> {
  const bare = withoutBrackets(host);
  if (bare === "localhost") return (await resolver.resolve(bare, signal))[0]!;
  if (isAddress(bare) && isOwn(bare, interfaces)) return bare;
  const wantsSix = isAddress(bare)
    ? bare.includes(":")
    : interfaces.some(({ address }) => address.includes(":"));
  // The wildcard of IPv6 takes connections over IPv4, too.
  return wantsSix ? "::" : "0.0.0.0";
}

/**
 * The address that `--bind` means: itself, that of an interface by its name, or that of a name.
 *
 * @throws {PubsubError} when a name has no address; the signal's reason
 */
export async function bindAddress(
  host: string,
  signal?: AbortSignal,
  interfaces: readonly OwnAddress[] = Deno.networkInterfaces(),
): Promise<string> {
  const bare = withoutBrackets(host);
  if (bare === "*" || isAddress(bare)) return bare;
  const named = interfaces.filter(({ name }) => name === bare).map(({ address }) => address);
  const address = named.find((one) => !one.includes(":")) ?? named[0];
  if (address !== undefined) return address;
  try {
    return (await resolver.resolve(bare, signal))[0]!;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PubsubError(`Cannot listen on ${bare}: ${reasonOf(cause)}`, { cause });
  }
}

/** Where a process is. */
export interface Place {
  /** The host under which others reach it. */
  readonly host: string;
  /** The address that it listens on. */
  readonly at: string;
}

/**
 * Where this process is: as it was told, else where ZooKeeper finds it, for as long as it takes.
 *
 * @param waiting called once, when it takes longer than a healthy ZooKeeper needs.
 * @throws {PubsubError} when what it is told to listen on has no address; the signal's reason
 */
export async function placeOf(
  { address, bind }: { readonly address: string | undefined; readonly bind: string | undefined },
  zookeeper: Ensemble,
  waiting: () => void,
  signal: AbortSignal,
): Promise<Place> {
  const host = address ?? await addressOnceReachable(zookeeper, waiting, signal);
  const at = bind === undefined ? await listenAddress(host, signal) : await bindAddress(bind, signal);
  return { host, at };
}

function isOwn(address: string, interfaces: readonly OwnAddress[]): boolean {
  const plain = address.split("%")[0]!;
  return plain === "::1" || plain.startsWith("127.") || interfaces.some((one) => one.address === plain);
}
