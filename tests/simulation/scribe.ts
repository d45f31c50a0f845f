/**
 * Writes to the coordination server all the time, and looks whether what was answered is still there: the data, its
 * version and transaction number, numbers of sequential nodes, what was removed, and the ephemeral node of a session that
 * goes on. It knows nothing of how the server keeps them.
 */
import { CoordinationError } from "../../lib/base/errors.ts";
import { isTransient } from "../../lib/zk/list_children.ts";
import type { Stat } from "../../lib/zk/requests.ts";
import { type Session, ZooKeeper } from "../../lib/zk/zookeeper.ts";
import type { Process } from "./world.ts";

/** All that it writes is below this. */
export const SCRIBE = "/scribe";
const NUMBER = `${SCRIBE}/number`;
const SEQUENCE = `${SCRIBE}/n-`;
const MINE = `${SCRIBE}/mine`;
/** From one round to the next, milliseconds, at most. */
const PAUSE_MS = 200;

/** What it needs of the world that it is in. */
export interface Surroundings {
  readonly zookeeper: string;
  readonly process: Process;
  pause(ms: number): Promise<void>;
  broken(what: string): void;
}

export class Scribe {
  /** It has removed all that it has written, and left. */
  hasLeft = false;
  readonly #surroundings: Surroundings;
  #zk!: ZooKeeper;
  #leaving = false;
  /** The last number that was written, and whether or not it was answered. */
  #written = 0;
  #attempted = 0;
  #stat: Stat | undefined;
  /** The last node of the sequence whose creation was answered. */
  #last = "";
  /** The last one whose removal was. */
  #removed = "";
  /** Whose ephemeral node there is. */
  #session: Session | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** No more rounds. */
  leave(): void {
    this.#leaving = true;
  }

  /** Round after round until it is to leave. */
  async run(): Promise<void> {
    const { process, pause, zookeeper } = this.#surroundings;
    this.#zk = new ZooKeeper({ servers: zookeeper });
    while (!this.#leaving) {
      await this.#try(() => this.#round());
      await pause(PAUSE_MS * process.random());
    }
    let isClean = false;
    while (!isClean) {
      await this.#try(async () => {
        await this.#zk.removeTree(SCRIBE);
        isClean = true;
      });
      await pause(PAUSE_MS);
    }
    await this.#zk.close();
    this.hasLeft = true;
  }

  /** While the server cannot be asked, later. */
  async #try(action: () => Promise<void>): Promise<void> {
    try {
      await this.#zk.connected();
      await action();
    } catch (error) {
      if (!isTransient(error)) this.#broken(error instanceof Error ? error.message : String(error));
    }
  }

  #broken(what: string): void {
    this.#surroundings.broken(`scribe: ${what}`);
  }

  async #round(): Promise<void> {
    if (this.#stat === undefined) await this.#begin();
    await this.#write();
    await this.#read();
    await this.#append();
    await this.#stay();
  }

  async #begin(): Promise<void> {
    await this.#zk.ensurePath(NUMBER);
    this.#stat = (await this.#zk.getData(NUMBER)).stat;
  }

  async #write(): Promise<void> {
    const number = ++this.#attempted;
    const stat = await this.#zk.setData(NUMBER, String(number));
    const { version, mzxid } = this.#stat!;
    if (stat.version <= version || stat.mzxid <= mzxid) {
      this.#broken(`version ${stat.version} of zxid ${stat.mzxid} after ${version} of ${mzxid}`);
    }
    this.#stat = stat;
    this.#written = number;
  }

  async #read(): Promise<void> {
    const { data } = await this.#zk.getData(NUMBER);
    const number = Number(new TextDecoder().decode(data));
    if (number < this.#written || number > this.#attempted) {
      this.#broken(`reads ${number}, and ${this.#written} to ${this.#attempted} were written`);
    }
  }

  /** The next of a sequence is created, and the one before removed. */
  async #append(): Promise<void> {
    const before = this.#last;
    const removed = this.#removed;
    if (removed !== "" && await this.#zk.exists(removed) !== undefined) {
      this.#broken(`${removed} is there again`);
    }
    const created = await this.#zk.create(SEQUENCE, "", { sequential: true });
    if (created <= before) this.#broken(`${created} was created after ${before}`);
    this.#last = created;
    if (before === "") return;
    try {
      await this.#zk.remove(before);
    } catch (error) {
      if (!CoordinationError.is(error, "NO_NODE")) throw error;
      this.#broken(`${before} is not there any more`);
    }
    this.#removed = before;
  }

  /** Its ephemeral node is there as long as its session. */
  async #stay(): Promise<void> {
    const { session } = this.#zk;
    if (session === undefined) return;
    const stat = await this.#zk.exists(MINE);
    if (this.#zk.session !== session) return;
    if (session === this.#session) {
      if (stat?.ephemeralOwner !== session.id) this.#broken("its session goes on without its ephemeral node");
    } else if (stat === undefined) {
      await this.#zk.create(MINE, "", { ephemeral: true, session });
      this.#session = session;
    }
  }
}
