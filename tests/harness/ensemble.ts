/**
 * An ensemble of Apache ZooKeeper servers for tests, whose members are killed and stopped one by one; as a whole it is
 * a coordinator like a single server.
 */
import { type Coordinator, CoordinatorServer, fourLetterWord, freePort } from "./zookeeper.ts";

/** The members as one. `kill`, `pause` and `resume` are for all of them; `restart` starts those that do not run. */
export interface Ensemble extends Coordinator {
  readonly members: readonly Coordinator[];
  /** The member that leads now; undefined while there is none. */
  leader(): Promise<Coordinator | undefined>;
  killMember(number: number): Promise<void>;
}

/** Start an ensemble and wait until every member serves. */
export async function startEnsemble(options: { size?: number; tickMs?: number } = {}): Promise<Ensemble> {
  const { size = 3, tickMs = 500 } = options;
  const ids = Array.from({ length: size }, (_, i) => i + 1);
  const configuration = [
    "initLimit=20",
    "syncLimit=8",
    ...ids.map((id) => `server.${id}=127.0.0.1:${freePort()}:${freePort()}`),
  ];
  const ensemble = new Members(
    ids.map((id) =>
      new CoordinatorServer({ backend: "apache", port: freePort(), tickMs, member: { id, configuration } })
    ),
  );
  try {
    await ensemble.restart();
  } catch (error) {
    await ensemble.stop();
    throw error;
  }
  return ensemble;
}

class Members implements Ensemble {
  readonly backend = "apache";
  /** All members: `127.0.0.1:PORT,127.0.0.1:PORT,…` */
  readonly servers: string;

  constructor(readonly members: readonly CoordinatorServer[]) {
    this.servers = members.map(({ servers }) => servers).join();
  }

  /** The first member's. */
  get port(): number {
    return this.members[0]!.port;
  }

  /** The first member's. */
  get pid(): number {
    return this.members[0]!.pid;
  }

  async leader(): Promise<Coordinator | undefined> {
    const modes = await Promise.all(
      this.members.map(({ port }) => fourLetterWord(port, "srvr").catch(() => "")),
    );
    return this.members[modes.findIndex((mode) => mode.includes("Mode: leader"))];
  }

  killMember(number: number): Promise<void> {
    return this.members[number % this.members.length]!.kill();
  }

  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  async restart(): Promise<void> {
    await Promise.all(this.members.filter(({ running }) => !running).map((member) => member.restart()));
  }

  pause(): void {
    for (const member of this.members) member.pause();
  }

  resume(): void {
    for (const member of this.members) member.resume();
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
