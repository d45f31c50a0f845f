/**
 * The data directory of a running server: the log it appends to, and the snapshots it takes.
 *
 * Guarantees: when {@link Journal.sync} resolves, every record there was when it was called is on disk (fsync). A
 * write that fails is never tried again: what the disk then holds is unknown, so the server must stop. Two
 * servers never share a directory (a lock on the file `lock`). A snapshot is complete when it has its name; the
 * last two are kept, with every log segment that the older one needs.
 */
import { PubsubError, reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { LogEncoder } from "./log_record.ts";
import type { Syncable } from "./output_gate.ts";
import { namesOf, recover, type Recovered, segmentHead, segmentName, snapshotName } from "./recovery.ts";
import { SnapshotWriter } from "./snapshot.ts";
import type { Session } from "./sessions.ts";

const log = logger("zookeeper", "disk");

/** A snapshot is written in pieces of about this size. */
const SNAPSHOT_PIECE = 1 << 18;
const SNAPSHOTS_KEPT = 2;
/** The files hold session passwords and data that access control lists protect. */
const PRIVATE = 0o600;

/** What a snapshot is taken of. */
export interface SnapshotSource {
  readonly tree: Recovered["tree"];
  readonly sessions: { all(): Iterable<Session<unknown>> };
  readonly zxid: number;
  readonly wall: number;
}

export class Journal implements Syncable {
  readonly encoder = new LogEncoder();
  readonly recovered: Recovered;
  /** Set once by the server; snapshots are taken from it. */
  source: SnapshotSource | null = null;
  readonly #dir: string;
  readonly #lock: Deno.FsFile;
  readonly #bytesPerSnapshot: number;
  #segment: Deno.FsFile;
  #logBytes: number;
  #snapshotBytes = 0;
  #snapshot: Promise<void> | null = null;
  #closed = false;

  private constructor(parts: {
    dir: string;
    lock: Deno.FsFile;
    recovered: Recovered;
    segment: Deno.FsFile;
    bytesPerSnapshot: number;
  }) {
    this.#dir = parts.dir;
    this.#lock = parts.lock;
    this.recovered = parts.recovered;
    this.#segment = parts.segment;
    this.#logBytes = parts.recovered.logBytes;
    this.#bytesPerSnapshot = parts.bytesPerSnapshot;
  }

  /**
   * Open `dir`, made if it is missing, and recover what it holds. An empty one begins after `freshZxid`.
   *
   * @throws CorruptFile, or PubsubError when the directory is in use or cannot be used
   */
  static async open(dir: string, freshZxid: number, bytesPerSnapshot: number): Promise<Journal> {
    let lock: Deno.FsFile;
    try {
      await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
      lock = await Deno.open(`${dir}/lock`, { create: true, write: true, mode: PRIVATE });
    } catch (cause) {
      throw new PubsubError(`Cannot use the data directory ${dir}: ${reasonOf(cause)}`, { cause });
    }
    try {
      if (!await lock.tryLock(true)) {
        throw new PubsubError(`Cannot use the data directory ${dir}: another server is using it`);
      }
      const { recovered, segment } = await openSegment(dir, freshZxid);
      return new Journal({ dir, lock, recovered, segment, bytesPerSnapshot });
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  get dirty(): boolean {
    return this.encoder.length > 0;
  }

  async sync(): Promise<void> {
    const { source } = this;
    const bytes = this.encoder.take();
    this.#logBytes += bytes.length;
    // The state now is exactly what the log holds with these bytes: the moment to begin a snapshot.
    const due = this.#logBytes > Math.max(this.#bytesPerSnapshot, 2 * this.#snapshotBytes);
    const snapshot = due && source !== null && this.#snapshot === null && !this.#closed
      ? new SnapshotWriter(source.tree, source.sessions.all(), source.zxid, source.wall)
      : null;
    try {
      await writeAll(this.#segment, bytes);
      await this.#segment.syncData();
      if (snapshot !== null) await this.#nextSegment(snapshot.zxid);
    } catch (cause) {
      snapshot?.abandon();
      throw new PubsubError(`Cannot write the log in ${this.#dir}: ${reasonOf(cause)}`, { cause });
    }
    if (snapshot !== null) this.#snapshot = this.#take(snapshot).finally(() => this.#snapshot = null);
  }

  async #nextSegment(previousZxid: number): Promise<void> {
    const segment = await createSegment(this.#dir, previousZxid, false);
    this.#segment.close();
    this.#segment = segment;
    this.#logBytes = 0;
  }

  /** Write a snapshot beside the running server. A failure costs disk space, not data: the log is kept. */
  async #take(snapshot: SnapshotWriter): Promise<void> {
    const name = snapshotName(snapshot.zxid);
    const temporary = `${this.#dir}/${name}.tmp`;
    try {
      using file = await Deno.open(temporary, {
        create: true,
        write: true,
        truncate: true,
        mode: PRIVATE,
      });
      let size = 0;
      for (let piece = snapshot.next(SNAPSHOT_PIECE); piece !== null; piece = snapshot.next(SNAPSHOT_PIECE)) {
        if (this.#closed) return snapshot.abandon();
        size += piece.length;
        await writeAll(file, piece);
      }
      await file.sync();
      await Deno.rename(temporary, `${this.#dir}/${name}`);
      await syncDirectory(this.#dir);
      this.#snapshotBytes = size;
      await this.#clean();
    } catch (error) {
      snapshot.abandon();
      log.error(`snapshot ${name} failed, the log is kept: ${reasonOf(error)}`);
    }
  }

  /** Remove snapshots that are no longer kept, and segments that only they needed. */
  async #clean(): Promise<void> {
    const names = await listNames(this.#dir);
    const snapshots = namesOf("snapshot", names);
    const segments = namesOf("log", names);
    const oldest = snapshots.at(-SNAPSHOTS_KEPT);
    if (oldest === undefined) return;
    for (const { name, zxid } of snapshots) if (zxid < oldest.zxid) await Deno.remove(`${this.#dir}/${name}`);
    for (const [index, { name }] of segments.entries()) {
      const next = segments[index + 1];
      if (next !== undefined && next.zxid <= oldest.zxid + 1) await Deno.remove(`${this.#dir}/${name}`);
    }
  }

  /** Stop. What is not synced is lost, as if the process had been killed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#snapshot;
    this.#segment.close();
    this.#lock.close();
  }
}

async function openSegment(
  dir: string,
  freshZxid: number,
): Promise<{ recovered: Recovered; segment: Deno.FsFile }> {
  const names = await listNames(dir);
  for (const name of names) if (name.endsWith(".tmp")) await Deno.remove(`${dir}/${name}`);
  const path = (name: string) => `${dir}/${name}`;
  const recovered = await recover(names, (name) => Deno.readFile(path(name)), path);
  const { segment } = recovered;
  const unborn = segment !== null && segment.bytes === 0; // Killed while it was being made: it holds nothing.
  if (unborn) await Deno.remove(path(segment.name));
  if (segment === null || unborn) {
    const fresh = recovered.zxid === 0;
    const zxid = fresh ? freshZxid : recovered.zxid;
    const file = await createSegment(dir, zxid, fresh);
    return { recovered: { ...recovered, zxid }, segment: file };
  }
  const file = await Deno.open(path(segment.name), { write: true });
  if (segment.torn) {
    log.warn(
      `${path(segment.name)}: cut an unfinished write at offset ${segment.bytes}; it was never answered`,
    );
    await file.truncate(segment.bytes);
    await file.sync();
  }
  await file.seek(0, Deno.SeekMode.End);
  return { recovered, segment: file };
}

async function createSegment(dir: string, previousZxid: number, first: boolean): Promise<Deno.FsFile> {
  const file = await Deno.open(`${dir}/${segmentName(previousZxid + 1)}`, {
    createNew: true,
    write: true,
    mode: PRIVATE,
  });
  try {
    await writeAll(file, segmentHead(previousZxid, first));
    await file.sync();
    await syncDirectory(dir);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

async function listNames(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map((entry) => entry.name);
}

/** Small writes only copy into the page cache: not worth a round trip to another thread. */
const SMALL_WRITE = 1 << 16;

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.subarray(at);
    at += rest.length <= SMALL_WRITE ? file.writeSync(rest) : await file.write(rest);
  }
}

/** A created or renamed file is on disk when its directory is. Windows has no such call and needs none. */
async function syncDirectory(dir: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using directory = await Deno.open(dir);
  await directory.sync();
}
