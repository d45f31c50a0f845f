/** The ZooKeeper of a run: one server that is restarted, or an ensemble of which a member is killed. */
import { startEnsemble } from "../harness/ensemble.ts";
import { apacheInstalled, type Coordinator, startCoordinator } from "../harness/zookeeper.ts";

export const SERVERS = ["embedded", "apache", "ensemble"] as const;
export type ServersName = typeof SERVERS[number];

/** The servers of a run. */
export class Servers {
  #bouncing: Promise<void> = Promise.resolve();

  private constructor(readonly name: ServersName, readonly members: readonly Coordinator[]) {}

  static async start(name: ServersName): Promise<Servers> {
    if (name !== "ensemble") return new Servers(name, [await startCoordinator({ backend: name })]);
    return new Servers(name, (await startEnsemble()).members);
  }

  /** Addresses for clients. */
  get addresses(): string {
    return this.members.map(({ servers }) => servers).join(",");
  }
  get ports(): number[] {
    return this.members.map(({ port }) => port);
  }

  /** Kill one of them, wait, and start it again; one at a time. */
  bounce(number: number, pauseMs: number): Promise<void> {
    const bounced = this.#bouncing.then(() => this.#bounce(number, pauseMs));
    this.#bouncing = bounced.catch(() => {});
    return bounced;
  }

  async #bounce(number: number, pauseMs: number): Promise<void> {
    const member = this.members[number % this.members.length]!;
    await member.kill();
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    await member.restart();
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }
}

/** What was asked for, or by the seed. */
export function serversFor(asked: string | undefined, seed: number): ServersName {
  if (asked === undefined) return apacheInstalled() ? SERVERS[seed % SERVERS.length]! : "embedded";
  const name = SERVERS.find((one) => one === asked);
  if (!name) throw new Error(`--zookeeper is ${asked}, must be one of ${SERVERS.join(", ")}`);
  return name;
}
