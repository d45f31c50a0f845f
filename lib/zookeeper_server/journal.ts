/**
 * The data directory of a running server: the log it appends to, and the snapshots it takes.
 *
 * Guarantees: when {@link Journal.sync} resolves, every record there was when it was called is on disk (fsync), and so is
 * all that was recovered when {@link Journal.open} does. A write that fails is never tried again: what the disk then holds
 * is unknown, so the server must stop. Two servers never share a directory (a lock on the file `lock`). A snapshot is
 * complete when it has its name; the last two are kept, with every log segment that the older one needs.
 */
import { PubsubError, reasonOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { disk, type DiskFile } from "./disk.ts";
import { LogEncoder } from "./log_record.ts";
import type { Syncable } from "./output_gate.ts";
import { namesOf, recover, type Recovered, segmentHead, segmentName, snapshotName } from "./recovery.ts";
import { SnapshotWriter } from "./snapshot.ts";
import type { Session } from "./sessions.ts";

const log = logger("zookeeper", "disk");

/** A snapshot is written in pieces of about this size. */
const SNAPSHOT_PIECE = 1 << 18;
const SNAPSHOTS_KEPT = 2;

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
  readonly #lock: Disposable;
  readonly #bytesPerSnapshot: number;
  #segment: DiskFile;
  #logBytes: number;
  #snapshotBytes = 0;
  #snapshot: Promise<void> | null = null;
  #closed = false;

  private constructor(parts: {
    dir: string;
    lock: Disposable;
    recovered: Recovered;
    segment: DiskFile;
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
    let lock: Disposable | undefined;
    try {
      await disk().makeDirectory(dir);
      lock = await disk().lock(`${dir}/lock`);
    } catch (cause) {
      throw new PubsubError(`Cannot use the data directory ${dir}: ${reasonOf(cause)}`, { cause });
    }
    if (lock === undefined) {
      throw new PubsubError(`Cannot use the data directory ${dir}: another server is using it`);
    }
    try {
      const { recovered, segment } = await openSegment(dir, freshZxid);
      return new Journal({ dir, lock, recovered, segment, bytesPerSnapshot });
    } catch (cause) {
      lock[Symbol.dispose]();
      if (cause instanceof PubsubError) throw cause;
      throw new PubsubError(`Cannot use the data directory ${dir}: ${reasonOf(cause)}`, { cause });
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
      await this.#segment.write(bytes);
      await this.#segment.sync();
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
      using file = await disk().create(temporary);
      let size = 0;
      for (let piece = snapshot.next(SNAPSHOT_PIECE); piece !== null; piece = snapshot.next(SNAPSHOT_PIECE)) {
        if (this.#closed) return snapshot.abandon();
        size += piece.length;
        await file.write(piece);
      }
      await file.sync();
      await disk().rename(temporary, `${this.#dir}/${name}`);
      await disk().syncDirectory(this.#dir);
      this.#snapshotBytes = size;
      await this.#clean();
    } catch (error) {
      snapshot.abandon();
      await disk().remove(temporary).catch(() => {}); // The next one has another name.
      log.error(`snapshot ${name} failed, the log is kept: ${reasonOf(error)}`);
    }
  }

  /** Remove snapshots that are no longer kept, and segments that only they needed. */
  async #clean(): Promise<void> {
    const names = await disk().list(this.#dir);
    const snapshots = namesOf("snapshot", names);
    const segments = namesOf("log", names);
    const oldest = snapshots.at(-SNAPSHOTS_KEPT);
    if (oldest === undefined) return;
    for (const { name, zxid } of snapshots) {
      if (zxid < oldest.zxid) await disk().remove(`${this.#dir}/${name}`);
    }
    for (const [index, { name }] of segments.entries()) {
      const next = segments[index + 1];
      if (next !== undefined && next.zxid <= oldest.zxid + 1) await disk().remove(`${this.#dir}/${name}`);
    }
  }

  /** Stop. What is not synced is lost, as if the process had been killed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#snapshot;
    this.#segment.close();
    this.#lock[Symbol.dispose]();
  }
}

async function openSegment(
  dir: string,
  freshZxid: number,
): Promise<{ recovered: Recovered; segment: DiskFile }> {
  const names = await disk().list(dir);
  for (const name of names) if (name.endsWith(".tmp")) await disk().remove(`${dir}/${name}`);
  const path = (name: string) => `${dir}/${name}`;
  let last: Uint8Array = new Uint8Array();
  const recovered = await recover(names, async (name) => last = await disk().read(path(name)), path);
  const { segment } = recovered;
  const unborn = segment !== null && segment.bytes === 0; // Killed while it was being made: it holds nothing.
  if (unborn) {
    await disk().remove(path(segment.name));
    await disk().syncDirectory(dir);
  }
  if (segment === null || unborn) {
    const fresh = recovered.zxid === 0;
    const zxid = fresh ? freshZxid : recovered.zxid;
    const file = await createSegment(dir, zxid, fresh);
    return { recovered: { ...recovered, zxid }, segment: file };
  }
  if (segment.torn) {
    log.warn(
      `${path(segment.name)}: cut an unfinished write at offset ${segment.bytes}; it was never answered`,
    );
  }
  return { recovered, segment: await rewrite(dir, segment.name, last.subarray(0, segment.bytes)) };
}

/**
 * What was read of the last segment may not be on disk: its process may have been killed before it had synced it, or the
 * sync may have failed, after which the system shows what it will never write. So it is written anew, for which there has
 * to be room.
 */
async function rewrite(dir: string, name: string, bytes: Uint8Array): Promise<DiskFile> {
  const file = await disk().create(`${dir}/${name}.tmp`);
  try {
    await file.write(bytes);
    await file.sync();
    await disk().rename(`${dir}/${name}.tmp`, `${dir}/${name}`);
    await disk().syncDirectory(dir);
  } catch (error) {
    file.close();
    await disk().remove(`${dir}/${name}.tmp`).catch(() => {}); // It may fill the disk.
    throw error;
  }
  return file;
}

async function createSegment(dir: string, previousZxid: number, first: boolean): Promise<DiskFile> {
  const file = await disk().create(`${dir}/${segmentName(previousZxid + 1)}`);
  try {
    await file.write(segmentHead(previousZxid, first));
    await file.sync();
    await disk().syncDirectory(dir);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}
