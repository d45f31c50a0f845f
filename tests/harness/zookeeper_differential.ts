/**
 * The same operations on two servers, and every difference between their answers.
 *
 * Answers are compared after taking out what must differ: a zxid becomes the number of the operation that it
 * stands for, a session id the number of its connection, and times only have to make sense. Children, and events
 * that one operation causes, are compared without order where Apache has none (hash sets).
 */
import type { JuteWriter } from "../../lib/zookeeper_server/jute.ts";
import {
  OPEN,
  type RawAcl,
  type RawMultiOp,
  type RawReply,
  type RawStat,
  RawZooKeeper,
  readAclList,
  readMultiResults,
  readStat,
  writeAclList,
} from "./raw_zookeeper.ts";

/** One operation, on the connection with this number. */
export type Operation =
  & { readonly on: number }
  & (
    | { op: "create"; type: number; path: string; data: string | null; flags: number; acl: RawAcl }
    | { op: "delete"; path: string; version: number }
    | { op: "exists" | "getData" | "getChildren" | "getChildren2"; path: string; watch: boolean }
    | { op: "setData"; path: string; data: string | null; version: number }
    | { op: "getAcl" | "sync" | "getEphemerals" | "countAll"; path: string }
    | { op: "setAcl"; path: string; acl: RawAcl; version: number }
    | { op: "multi"; ops: RawMultiOp[] }
    | { op: "multiRead"; reads: { type: 4 | 8; path: string }[] }
    | { op: "auth"; user: string }
    | { op: "setWatches"; since: number; data: string[]; exist: string[]; child: string[] }
    | { op: "addWatch"; path: string; mode: number }
    | { op: "removeWatches"; path: string; type: number }
    | { op: "newSession" | "reconnect" }
  );

const CONNECTIONS = 3;
const TIMEOUT = 30_000;

/** One of the two servers, and what was seen of it. */
export class DifferentialSide implements AsyncDisposable {
  readonly #address: string;
  readonly #clients: RawZooKeeper[] = [];
  readonly #sessions = new Map<bigint, string>([[0n, "none"]]);
  readonly #operationOf = new Map<number, string>([[0, "begin"]]);
  /** After each operation, the last zxid the server named. */
  readonly #zxidAfter: number[] = [];
  #sessionCount = 0;

  private constructor(address: string) {
    this.#address = address;
  }

  static async open(address: string): Promise<DifferentialSide> {
    const side = new DifferentialSide(address);
    for (let i = 0; i < CONNECTIONS; i++) await side.#connect(i, null);
    await side.#mark("connected");
    return side;
  }

  async #connect(index: number, previous: RawZooKeeper | null): Promise<void> {
    const again = previous === null
      ? {}
      : { session: previous.session.id, password: previous.session.password };
    const client = await RawZooKeeper.connect(this.#address, { timeout: TIMEOUT, ...again });
    if (client.session.id === 0n) throw new Error("the server refused the session");
    this.#clients[index] = client;
    if (previous === null) this.#sessions.set(client.session.id, `session ${++this.#sessionCount}`);
  }

  /** Ask every connection for something, so that all events have come; name the zxids that are new. */
  async #mark(name: string): Promise<void> {
    let zxid = 0;
    for (const client of this.#clients) zxid = Math.max(zxid, (await client.ping()).zxid);
    if (!this.#operationOf.has(zxid)) this.#operationOf.set(zxid, name);
    this.#zxidAfter.push(zxid);
  }

  /** Carry out operation number `index`; returns what can be compared. */
  async run(index: number, operation: Operation): Promise<unknown> {
    const client = this.#clients[operation.on]!;
    let answer: unknown;
    const reply = await this.#send(client, operation);
    if (reply === null) answer = "connected";
    else if (reply.err !== 0) answer = { err: reply.err, rest: reply.body.remaining };
    // The zxids of this very operation must be known before statistics are made comparable.
    await this.#mark(`operation ${index}`);
    if (reply !== null && reply.err === 0) answer = this.#comparable(operation, reply);
    const events = this.#clients.map((each) => each.events.splice(0));
    const lines = events.map((list) => list.map(({ type, path }) => `${type} ${path}`));
    if (operation.op === "newSession" || operation.op === "setWatches") {
      for (const list of lines) list.sort();
    }
    return { answer, events: lines };
  }

  async #send(client: RawZooKeeper, operation: Operation): Promise<RawReply | null> {
    switch (operation.op) {
      case "create":
        return await client.create(operation.path, operation.data, operation);
      case "delete":
        return await client.delete(operation.path, operation.version);
      case "exists":
      case "getData":
      case "getChildren":
      case "getChildren2":
        return await client[operation.op](operation.path, operation.watch);
      case "setData":
        return await client.setData(operation.path, operation.data, operation.version);
      case "getAcl":
        return await client.getAcl(operation.path);
      case "sync":
        return await client.request(9, (out) => out.string(operation.path));
      case "getEphemerals":
        return await client.request(103, (out) => out.string(operation.path));
      case "countAll":
        return await client.request(104, (out) => out.string(operation.path));
      case "setAcl":
        return await client.request(7, (out) => {
          out.string(operation.path);
          writeAclList(out, operation.acl);
          out.int(operation.version);
        });
      case "multi":
        return await client.multi(operation.ops);
      case "multiRead":
        return await client.request(22, (out) => writeMultiRead(out, operation.reads));
      case "auth":
        return await client.auth("digest", `${operation.user}:secret`);
      case "setWatches":
        return await client.setWatches(this.#zxidAfter[operation.since] ?? 0, operation);
      case "addWatch":
        return await client.addWatch(operation.path, operation.mode);
      case "removeWatches":
        return await client.removeWatches(operation.path, operation.type);
      case "newSession":
        this.#operationOf.set(
          (await client.closeSession()).zxid,
          `end of session by connection ${operation.on}`,
        );
        await client.close();
        await this.#connect(operation.on, null);
        return null;
      case "reconnect":
        await this.#connect(operation.on, client);
        await client.close();
        return null;
    }
  }

  #stat(stat: RawStat): unknown {
    const name = (zxid: number) => this.#operationOf.get(zxid) ?? `unknown zxid ${zxid}`;
    return {
      ...stat,
      czxid: name(stat.czxid),
      mzxid: name(stat.mzxid),
      pzxid: name(stat.pzxid),
      ctime: stat.ctime <= stat.mtime,
      mtime: stat.mtime === 0 || Math.abs(stat.mtime - Date.now()) < 600_000,
      ephemeralOwner: this.#sessions.get(stat.ephemeralOwner) ?? `unknown session ${stat.ephemeralOwner}`,
    };
  }

  #comparable(operation: Operation, { body }: RawReply): unknown {
    const text = () => {
      const bytes = body.view();
      return bytes === null ? null : new TextDecoder().decode(bytes);
    };
    const stat = () => this.#stat(readStat(body));
    const end = () => body.remaining;
    switch (operation.op) {
      case "create":
        return { path: body.string(), stat: operation.type === 1 ? null : stat(), end: end() };
      case "exists":
      case "setData":
      case "setAcl":
        return { stat: stat(), end: end() };
      case "getData":
        return { data: text(), stat: stat(), end: end() };
      case "getChildren":
        return { children: body.strings().sort(), end: end() };
      case "getChildren2":
        return { children: body.strings().sort(), stat: stat(), end: end() };
      case "getAcl":
        return { acl: readAclList(body), stat: stat(), end: end() };
      case "getEphemerals":
        return { paths: body.strings().sort(), end: end() };
      case "countAll":
      case "addWatch":
        return { number: body.int(), end: end() };
      case "sync":
        return { path: body.string(), end: end() };
      case "multi":
        return readMultiResults(body).map((result) =>
          result.stat === undefined ? result : { ...result, stat: this.#stat(result.stat) }
        );
      case "multiRead":
        return operation.reads.map(() => {
          const [type, , err] = [body.int(), body.bool(), body.int()];
          if (type === -1) return { type, err, again: body.int() };
          return type === 4
            ? { type, err, data: text(), stat: stat() }
            : { type, err, children: body.strings().sort() };
        });
      default:
        return { end: end() };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
  }
}

function writeMultiRead(out: JuteWriter, reads: readonly { type: number; path: string }[]): void {
  for (const { type, path } of reads) {
    out.int(type);
    out.bool(false);
    out.int(-1);
    out.string(path);
    out.bool(false);
  }
  out.int(-1);
  out.bool(true);
  out.int(-1);
}

const PARENTS = ["/d", "/d/a", "/d/b", "/d/c", "/d/a/x", "/d/b/y"];
const ODD_PATHS = [
  "/",
  "",
  "d",
  "/d/",
  "/d//a",
  "/d/./a",
  "/d/..",
  "/d/a\u0001",
  "/d/a\u007f",
  "/d/\ue000",
  "/d/\ufff0",
  "/d/é",
  "/d/a\0b",
  "/missing/a",
  "/zookeeper",
  "/zookeeper/config",
  "/zookeeper/quota",
];
const USERS = ["ann", "bob"];
const DIGESTS: Record<string, string> = {
  ann: "ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM=",
  bob: "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=",
};

/** What is watched persistently, always in the same way (another way would replace it in Apache 3.8.0). */
const PERSISTENT = PARENTS.map((path, i) => ({ path, mode: i % 2 }));
/** The only connection with persistent watches; it has no others. */
const PERSISTENT_WATCHER = 2;

/** Makes up operations. */
export class OperationMaker {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #path(): string {
    const kind = this.#random();
    if (kind < 0.06) return this.#pick(ODD_PATHS);
    if (kind < 0.5) return this.#pick(PARENTS);
    return `${this.#pick(PARENTS)}/${this.#pick(["a", "b", "x", "y", "z", "n-0000000001", "n-0000000003"])}`;
  }

  #acl(): RawAcl {
    const kind = this.#random();
    if (kind < 0.75) return OPEN;
    const perms = this.#pick([31, 31, 1, 2, 4, 8, 16, 15, 23]);
    if (kind < 0.85) {
      const user = this.#pick(USERS);
      return [{ perms, scheme: "digest", id: DIGESTS[user]! }, { perms: 17, scheme: "world", id: "anyone" }];
    }
    return this.#pick<RawAcl>([
      [{ perms, scheme: "auth", id: "" }],
      [{ perms, scheme: "ip", id: "127.0.0.1" }],
      [{ perms, scheme: "ip", id: "127.0.0.0/8" }],
      [{ perms, scheme: "ip", id: "10.0.0.0/8" }, { perms: 1, scheme: "world", id: "anyone" }],
      [{ perms: 31, scheme: "ip", id: "300.0.0.1" }],
      [{ perms: 31, scheme: "world", id: "somebody" }],
      [{ perms: 31, scheme: "nonsense", id: "x" }],
      [{ perms: 31, scheme: "digest", id: "nohash" }],
      [],
      [...OPEN, ...OPEN, { perms: 1, scheme: "world", id: "anyone" }],
    ]);
  }

  #version(): number {
    return this.#random() < 0.7 ? -1 : this.#below(4);
  }

  #data(): string | null {
    return this.#random() < 0.05 ? null : "x".repeat(this.#below(20));
  }

  #multiOp(): RawMultiOp {
    const path = this.#path();
    const kind = this.#random();
    if (kind < 0.4) {
      return {
        op: "create",
        path,
        data: "m",
        flags: this.#below(4),
        type: this.#pick([1, 1, 15]),
        acl: this.#acl(),
      };
    }
    if (kind < 0.6) return { op: "delete", path, version: this.#version() };
    if (kind < 0.85) return { op: "setData", path, data: "multi", version: this.#version() };
    return { op: "check", path, version: this.#version() };
  }

  /** The next operation; `index` is its number. */
  next(index: number): Operation {
    const on = this.#below(CONNECTIONS);
    const kind = this.#below(100);
    let path = this.#path();
    if (kind >= 50 && path === "") path = "/";
    const watch = on !== PERSISTENT_WATCHER && this.#random() < 0.5;
    if (kind < 26) {
      const flags = this.#random() < 0.03 ? this.#pick([-1, 7, 99]) : this.#below(4);
      const type = this.#pick([1, 1, 15]);
      return { on, op: "create", type, path, data: this.#data(), flags, acl: this.#acl() };
    }
    if (kind < 38) return { on, op: "delete", path, version: this.#version() };
    if (kind < 50) return { on, op: "setData", path, data: this.#data(), version: this.#version() };
    if (kind < 70) {
      return {
        on,
        op: this.#pick(["exists", "getData", "getChildren", "getChildren2"] as const),
        path,
        watch,
      };
    }
    if (kind < 73) return { on, op: "getAcl", path };
    if (kind < 76) return { on, op: "setAcl", path, acl: this.#acl(), version: this.#version() };
    if (kind < 84) {
      return {
        on,
        op: "multi",
        ops: Array.from({ length: this.#below(5) }, () => this.#multiOp()),
      };
    }
    if (kind < 86) {
      const reads = Array.from(
        { length: this.#below(4) },
        () => ({ type: this.#pick([4, 8] as const), path: this.#path() || "/" }),
      );
      return { on, op: "multiRead", reads };
    }
    if (kind < 88) return { on, op: "auth", user: this.#pick(USERS) };
    if (kind < 90 && on !== PERSISTENT_WATCHER) {
      const some = () => Array.from({ length: this.#below(3) }, () => this.#path() || "/");
      return {
        on,
        op: "setWatches",
        since: this.#below(index + 1),
        data: some(),
        exist: some(),
        child: some(),
      };
    }
    if (kind < 92) return { on: PERSISTENT_WATCHER, op: "addWatch", ...this.#pick(PERSISTENT) };
    if (kind < 94) return { on, op: "removeWatches", path, type: this.#pick([1, 2, 3, 3]) };
    if (kind < 97) return { on, op: this.#pick(["sync", "getEphemerals", "countAll"] as const), path };
    return { on, op: this.#random() < 0.5 ? "newSession" : "reconnect" };
  }
}
