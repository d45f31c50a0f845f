/**
 * From the files of a data directory back to the state they hold.
 *
 * Snapshots are named `snapshot.<zxid>`, log segments `log.<first zxid>`, both in 16 hex digits. A segment begins
 * with a head that names the last zxid before it, so a missing file is noticed. The newest snapshot is loaded and
 * every later transaction replayed. Only the last segment may end in a write that was cut off: its offset is
 * returned and nothing of it counts. Everything else that is not whole stops the recovery, naming file and offset.
 *
 * Pure: it is given names and a way to read a file.
 */
import { beginBlock, CorruptFile, finishBlock, readBlocks } from "./block.ts";
import { JuteReader, JuteWriter, Malformed } from "./jute.ts";
import { type LogRecord, readRecord } from "./log_record.ts";
import { loadSnapshot, type StoredSession } from "./snapshot.ts";
import { apply, sessionEnd } from "./transactions.ts";
import { DataTree } from "./tree.ts";

const MAGIC = new TextEncoder().encode("PSZKLOG1");

/** What a data directory holds. */
export interface Recovered {
  readonly tree: DataTree;
  readonly sessions: Map<number, StoredSession>;
  /** The last transaction. */
  readonly zxid: number;
  /** The segment to go on with; null in an empty directory. */
  readonly segment: { readonly name: string; readonly bytes: number; readonly torn: boolean } | null;
  /** Log bytes that were replayed: those since the snapshot. */
  readonly logBytes: number;
}

/** The name of the segment whose first transaction is `zxid`. */
export function segmentName(zxid: number): string {
  return `log.${zxid.toString(16).padStart(16, "0")}`;
}

/** The name of the snapshot as of `zxid`. */
export function snapshotName(zxid: number): string {
  return `snapshot.${zxid.toString(16).padStart(16, "0")}`;
}

/** The names of `kind`, oldest first, with their zxids. */
export function namesOf(kind: "log" | "snapshot", names: Iterable<string>): { name: string; zxid: number }[] {
  const found: { name: string; zxid: number }[] = [];
  for (const name of names) {
    const match = /^(log|snapshot)\.([0-9a-f]{16})$/.exec(name);
    if (match?.[1] === kind) found.push({ name, zxid: parseInt(match[2]!, 16) });
  }
  return found.sort((a, b) => a.zxid - b.zxid);
}

/** The head of a segment. `first` marks the very first one, before which there is nothing. */
export function segmentHead(previousZxid: number, first: boolean): Uint8Array<ArrayBuffer> {
  const out = new JuteWriter(64);
  out.raw(MAGIC);
  const at = beginBlock(out);
  out.long(previousZxid);
  out.bool(first);
  finishBlock(out, at);
  return out.take();
}

/**
 * Recover from the files `names`, read by `read`.
 *
 * @throws CorruptFile when a file is damaged, or one is missing
 */
export async function recover(
  names: Iterable<string>,
  read: (name: string) => Promise<Uint8Array>,
  path: (name: string) => string,
): Promise<Recovered> {
  const all = [...names];
  const snapshots = namesOf("snapshot", all);
  const segments = namesOf("log", all);
  const tree = new DataTree();
  const sessions = new Map<number, StoredSession>();
  let zxid: number | null = null;
  const newest = snapshots.at(-1);
  if (newest !== undefined) {
    const older = snapshots.length > 1 || segments.some((segment) => segment.zxid < newest.zxid);
    const remedy = older ? "remove it: what came before it is kept and is used then" : undefined;
    const loaded = loadSnapshot(await read(newest.name), path(newest.name), tree, remedy);
    if (loaded.zxid !== newest.zxid) throw new CorruptFile(path(newest.name), 0, "its name is another's");
    zxid = loaded.zxid;
    for (const session of loaded.sessions) sessions.set(session.id, session);
  }
  const from = segments.findLastIndex((segment) => zxid === null || segment.zxid <= zxid + 1);
  const needed = zxid === null ? segments : segments.slice(Math.max(0, from));
  if (zxid !== null && from < 0) {
    throw new CorruptFile(path(newest!.name), 0, "the log that follows it is missing");
  }
  const state = { tree, sessions, zxid };
  let end: Recovered["segment"] = null;
  let logBytes = 0;
  for (const [index, { name }] of needed.entries()) {
    const bytes = await read(name);
    const last = index === needed.length - 1;
    const whole = replaySegment(bytes, path(name), last, state);
    logBytes += whole;
    end = { name, bytes: whole, torn: whole < bytes.length };
  }
  return { tree, sessions, zxid: state.zxid ?? 0, segment: end, logBytes };
}

interface ReplayState {
  readonly tree: DataTree;
  readonly sessions: Map<number, StoredSession>;
  /** The last transaction in the tree; null when nothing was read yet. */
  zxid: number | null;
}

/** Replay one segment; returns how many of its bytes are whole (0: not even its head). */
function replaySegment(bytes: Uint8Array, file: string, last: boolean, state: ReplayState): number {
  const cutOff = (offset: number) => {
    if (!last) throw new CorruptFile(file, offset, "it is cut off, and a later file exists");
    return offset;
  };
  if (bytes.length < MAGIC.length || bytes.every((byte) => byte === 0)) return cutOff(0);
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw new CorruptFile(file, 0, "not a log");
  const reader = new JuteReader();
  const blocks = readBlocks(bytes, MAGIC.length, file);
  const head = blocks.next();
  if (head.done) return cutOff(0);
  reader.reset(bytes, head.value.start, head.value.end);
  const previous = reader.long();
  const first = reader.bool();
  if (state.zxid === null) {
    if (!first) throw new CorruptFile(file, 0, "what came before it is missing");
    state.zxid = previous;
  } else if (previous > state.zxid) {
    throw new CorruptFile(file, 0, `the log from zxid ${state.zxid + 1} to ${previous} is missing`);
  }
  for (let step = blocks.next();; step = blocks.next()) {
    if (step.done) return step.value.kind === "torn" ? cutOff(step.value.offset) : bytes.length;
    const { offset, start, end } = step.value;
    reader.reset(bytes, start, end);
    try {
      replay(readRecord(reader), state);
    } catch (error) {
      throw new CorruptFile(file, offset, error instanceof Malformed ? error.message : String(error));
    }
  }
}

/** Apply one record, if it is not in the state already. */
function replay(record: LogRecord, state: ReplayState): void {
  const { zxid, time } = record;
  if (zxid <= state.zxid!) return;
  if (zxid !== state.zxid! + 1) throw new Malformed(`zxid ${zxid} follows ${state.zxid}`);
  switch (record.kind) {
    case "tree":
      for (const txn of record.txns) apply(state.tree, txn, zxid, time, null);
      break;
    case "sessionCreated": {
      const { session: id, timeout, password } = record;
      state.sessions.set(id, { id, timeout, password });
      break;
    }
    case "sessionEnded":
      for (const txn of sessionEnd(state.tree, record.session)) apply(state.tree, txn, zxid, time, null);
      state.sessions.delete(record.session);
  }
  state.zxid = zxid;
}
