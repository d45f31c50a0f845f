/**
 * A disk for each host, which outlives the processes there. What a process has written its successor reads; a host that
 * loses power keeps what was synced, and of the rest whatever had got so far: files that end early or in zeros, names
 * that are not there yet or still there. It may fail, too.
 */
import type { Disk, DiskFile } from "../../lib/zookeeper_server/disk.ts";
import type { Process, World } from "./world.ts";

/** What an operation says that fails. */
export const DISK_ERROR = "Input/output error (os error 5)";

/** Which operations fail alike. */
const KINDS = ["write", "sync", "name"] as const;
type Kind = typeof KINDS[number];

/** What an operation takes; one in so many is late. */
const OPERATION_MS = [0.01, 0.1] as const;
const SYNC_MS = [0.1, 4] as const;
const LATE_ONE_IN = 50;
const LATE_MS = [20, 300] as const;
/** A trap is sprung so long after the change that it waits for has begun, at most; mostly much sooner. */
const TRAP_MS = 10;
/** Storage loses or keeps this many bytes at once. */
const SECTOR_BYTES = 512;

/** What a file holds, whatever its name is. */
class Content {
  #bytes = new Uint8Array(1024);
  length = 0;
  /** So much of it is on disk ... */
  synced = 0;
  /** ... but for these parts of it. */
  readonly #unwritten: [from: number, to: number][] = [];

  append(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(this.read());
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.length);
    this.length = length;
  }

  read(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** What could not be synced is shown, and never written. */
  failed(): void {
    this.#unwritten.push([this.synced, this.length]);
  }

  /** The power is gone. */
  lose(random: () => number): void {
    const end = this.synced + Math.floor(random() * (this.length - this.synced));
    // The length may be there without what is behind it: nothing, or some sectors of it.
    const zeros = random() < 0.5 ? this.synced : Math.ceil(end / SECTOR_BYTES) * SECTOR_BYTES;
    if (random() < 0.5) this.#bytes.fill(0, Math.min(this.length, zeros), this.length);
    else this.length = end;
    this.synced = this.length;
    for (const [from, to] of this.#unwritten) this.#bytes.fill(0, from, Math.min(to, this.length));
  }
}

/** Another name for a content, or none. */
type Change = { readonly name: string; readonly content: Content | undefined };

/** The disk of one host. */
class HostDisk {
  names = new Map<string, Content>();
  /** Names as they are on disk, and what has become of them since: those are on disk in their order. */
  #synced = new Map<string, Content>();
  #changes: Change[] = [];
  readonly locks = new Map<string, Process>();
  /** The next operation of that kind fails. */
  fails: Kind | undefined;
  /** Done shortly after the next change of names has begun. */
  trap: (() => void) | undefined;

  put(...changes: Change[]): void {
    this.#changes.push(...changes);
    apply(changes, this.names);
  }

  /** Names are on disk as they are now. @returns what makes it so */
  sync(): () => void {
    const [names, { length }] = [new Map(this.names), this.#changes];
    return () => {
      this.#synced = names;
      this.#changes.splice(0, length);
    };
  }

  lose(random: () => number): void {
    // As a journal of a file system does, first come first kept.
    apply(this.#changes.slice(0, Math.floor(random() * (this.#changes.length + 1))), this.#synced);
    this.names = new Map(this.#synced);
    this.#changes = [];
    for (const content of this.names.values()) content.lose(random);
  }
}

function apply(changes: readonly Change[], names: Map<string, Content>): void {
  for (const { name, content } of changes) {
    if (content === undefined) names.delete(name);
    else names.set(name, content);
  }
}

/** The disks of all hosts. */
export class Disks implements Disk {
  readonly #world: World;
  readonly #byHost = new Map<string, HostDisk>();

  constructor(world: World) {
    this.#world = world;
    world.onKilled.push((process, silent) => {
      const disk = this.#byHost.get(process.host);
      if (disk === undefined) return;
      for (const [path, owner] of disk.locks) if (owner === process) disk.locks.delete(path);
      if (silent) disk.lose(world.random);
    });
  }

  /** The next operation of that host fails which is of a kind that is drawn. */
  fail({ host }: Process): void {
    this.#of(host).fails = KINDS[Math.floor(this.#world.random() * KINDS.length)];
  }

  /** Do this when the next file of that host is made, renamed or removed. */
  atNextName({ host }: Process, action: () => void): void {
    this.#of(host).trap = action;
  }

  /** Nothing goes wrong any more. */
  calm(): void {
    for (const disk of this.#byHost.values()) disk.trap = disk.fails = undefined;
  }

  /** Another disk, with nothing on it. */
  replace({ host }: Process): void {
    this.#byHost.delete(host);
  }

  #of(host: string): HostDisk {
    return this.#byHost.getOrInsertComputed(host, () => new HostDisk());
  }

  /** An operation of the process whose event is under way, which takes its time. */
  #do<T>(
    action: (disk: HostDisk, process: Process) => T,
    range: readonly [number, number] = OPERATION_MS,
  ): Promise<T> {
    const world = this.#world;
    const process = world.current!;
    let ms = range[0] + (range[1] - range[0]) * world.random();
    if (world.random() * LATE_ONE_IN < 1) ms += world.between(...LATE_MS);
    const disk = this.#of(process.host);
    return new Promise((resolve, reject) => {
      world.after(ms, process, () => {
        try {
          resolve(action(disk, process));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #change<T>(
    kind: Kind,
    action: (disk: HostDisk) => T,
    range?: readonly [number, number],
    failed = () => {},
  ): Promise<T> {
    return this.#do((disk) => {
      if (disk.fails === kind) {
        disk.fails = undefined;
        failed();
        throw new Error(DISK_ERROR);
      }
      return action(disk);
    }, range);
  }

  #changeName<T>(action: (disk: HostDisk) => T): Promise<T> {
    const disk = this.#of(this.#world.current!.host);
    const { trap } = disk;
    disk.trap = undefined;
    if (trap !== undefined) this.#world.after(TRAP_MS * this.#world.random() ** 3, undefined, trap);
    return this.#change("name", action);
  }

  makeDirectory(): Promise<void> {
    return this.#do(() => {});
  }

  lock(path: string): Promise<Disposable | undefined> {
    return this.#do(({ locks }, process) => {
      if (locks.has(path)) return undefined;
      locks.set(path, process);
      return { [Symbol.dispose]: () => void locks.delete(path) };
    });
  }

  list(directory: string): Promise<string[]> {
    const start = `${directory}/`;
    return this.#do(({ names }) =>
      [...names.keys()].filter((name) => name.startsWith(start)).map((name) => name.slice(start.length))
    );
  }

  read(path: string): Promise<Uint8Array> {
    return this.#do((disk) => found(disk, path).read().slice());
  }

  create(path: string): Promise<DiskFile> {
    return this.#changeName((disk) => {
      if (disk.names.has(path)) throw new Error(`File exists (os error 17): ${path}`);
      const content = new Content();
      disk.put({ name: path, content });
      return this.#file(content);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#changeName((disk) =>
      disk.put({ name: to, content: found(disk, from) }, { name: from, content: undefined })
    );
  }

  remove(path: string): Promise<void> {
    return this.#changeName((disk) => {
      found(disk, path);
      disk.put({ name: path, content: undefined });
    });
  }

  syncDirectory(): Promise<void> {
    const sync = this.#of(this.#world.current!.host).sync();
    return this.#change("sync", sync, SYNC_MS);
  }

  #file(content: Content): DiskFile {
    const close = () => {};
    return {
      write: async (bytes) => {
        // Who is killed meanwhile has written some of it.
        const half = Math.floor(bytes.length * this.#world.random());
        content.append(bytes.subarray(0, half));
        await this.#change("write", () => content.append(bytes.subarray(half)));
      },
      sync: async () => {
        const { length } = content;
        const synced = () => void (content.synced = Math.max(content.synced, length));
        await this.#change("sync", synced, SYNC_MS, () => content.failed());
      },
      close,
      [Symbol.dispose]: close,
    };
  }
}

function found({ names }: HostDisk, path: string): Content {
  const content = names.get(path);
  if (content === undefined) throw new Error(`No such file or directory (os error 2): ${path}`);
  return content;
}
