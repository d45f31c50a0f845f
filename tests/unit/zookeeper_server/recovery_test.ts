import assert from "node:assert/strict";
import fc from "fast-check";
import { type Acl, OPEN_ACL } from "../../../lib/zookeeper_server/acl.ts";
import { CorruptFile } from "../../../lib/zookeeper_server/block.ts";
import type { Engine } from "../../../lib/zookeeper_server/engine.ts";
import { LogEncoder } from "../../../lib/zookeeper_server/log_record.ts";
import { Op } from "../../../lib/zookeeper_server/protocol.ts";
import {
  namesOf,
  recover,
  segmentHead,
  segmentName,
  snapshotName,
} from "../../../lib/zookeeper_server/recovery.ts";
import { loadSnapshot, SnapshotWriter } from "../../../lib/zookeeper_server/snapshot.ts";
import { DataTree, NodeKind } from "../../../lib/zookeeper_server/tree.ts";
import { Bench } from "./fake_peer.ts";

const PASSWORD = new Uint8Array(16).fill(5);
const DIGEST: Acl = [{ perms: 31, scheme: "digest", id: "ann:h" }, {
  perms: 1,
  scheme: "world",
  id: "anyone",
}];

type Files = Map<string, Uint8Array>;

function join(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function recoverFrom(files: Files) {
  return recover(files.keys(), (name) => Promise.resolve(files.get(name)!), (name) => `dir/${name}`);
}

/** Everything that must survive. */
function contents(tree: DataTree, sessions: Iterable<{ id: number; timeout: number; password: Uint8Array }>) {
  return {
    nodes: [...tree.nodes()].map(({ snapshot: _, children, ...rest }) => ({
      ...rest,
      data: rest.data === null ? null : [...rest.data],
      children: children === null ? null : [...children].sort(),
    })).sort((a, b) => a.path < b.path ? -1 : 1),
    sessions: [...sessions].map(({ id, timeout, password }) => [id, timeout, [...password]]).sort(),
  };
}

/** A history of every kind of transaction: the state and the log's length after each. */
function history(): { log: Uint8Array; states: { at: number; state: unknown; zxid: number }[] } {
  const encoder = new LogEncoder();
  const bench = new Bench({ sink: encoder });
  const head = segmentHead(100, true);
  const parts: Uint8Array[] = [head];
  let length = head.length;
  const states: { at: number; state: unknown; zxid: number }[] = [];
  const note = () => {
    const bytes = encoder.take();
    parts.push(bytes);
    length += bytes.length;
    const { tree, sessions, zxid } = bench.engine;
    states.push({ at: length, state: structuredClone(contents(tree, sessions.all())), zxid });
  };
  note();
  const one = bench.client();
  note();
  const two = bench.client();
  note();
  const engine = bench.engine;
  const create = (path: string, kind: number = NodeKind.persistent, owner = 0, acl = OPEN_ACL) =>
    ({ type: Op.create, path, data: new Uint8Array([1, 2]), acl, kind, owner }) as const;
  const session = (peer: typeof one) => peer.session!.id;
  for (
    const txn of [
      create("/a"),
      create("/a/ephemeral", NodeKind.ephemeral, session(one)),
      create("/a/mine", NodeKind.persistent, 0, DIGEST),
      create("/a/box", NodeKind.container),
      create("/a/brief", NodeKind.ttl, 5000),
      { type: Op.setData, path: "/a", data: null } as const,
      { type: Op.setAcl, path: "/a/box", acl: DIGEST } as const,
      { type: Op.delete, path: "/a/mine" } as const,
      create("/a/gone", NodeKind.ephemeral, session(two)),
    ]
  ) {
    bench.pass(50);
    engine.commit(txn);
    note();
  }
  const several = [create("/m"), create("/m/x"), { type: Op.setData, path: "/m", data: PASSWORD } as const];
  engine.commitAll(() => several.shift() ?? null, () => {});
  note();
  engine.endSession(two.session!);
  note();
  return { log: join(...parts), states };
}

Deno.test("A log cut off at any byte gives the state after its last whole transaction", async () => {
  const { log, states } = history();
  for (let length = 0; length <= log.length; length++) {
    const files: Files = new Map([[segmentName(101), log.slice(0, length)]]);
    const recovered = await recoverFrom(files);
    const expected = states.findLast((state) => state.at <= length);
    if (expected === undefined) {
      assert.equal(recovered.segment!.bytes, 0, "not even the head is whole");
      continue;
    }
    assert.deepEqual(contents(recovered.tree, recovered.sessions.values()), expected.state);
    assert.equal(recovered.zxid, expected.zxid);
    assert.equal(recovered.segment!.bytes, expected.at);
    assert.equal(recovered.segment!.torn, expected.at < length);
  }
});

Deno.test("Any damaged byte of the log stops the recovery, naming the file", async () => {
  const { log } = history();
  const random = fc.record({ at: fc.nat(log.length - 1), bit: fc.nat(7) });
  await fc.assert(
    fc.asyncProperty(random, async ({ at, bit }) => {
      const bytes = log.slice();
      bytes[at]! ^= 1 << bit;
      await assert.rejects(recoverFrom(new Map([[segmentName(101), bytes]])), (error) => {
        assert.ok(error instanceof CorruptFile);
        assert.equal(error.file, `dir/${segmentName(101)}`);
        assert.ok(error.offset <= at);
        return true;
      });
    }),
    { numRuns: 500 },
  );
});

/** A snapshot of `engine`, taken while `between` runs after each piece. */
function snapshotOf(engine: Engine, between: () => void = () => {}): Uint8Array {
  const writer = new SnapshotWriter(engine.tree, engine.sessions.all(), engine.zxid, engine.wall);
  const pieces: Uint8Array[] = [];
  for (let piece = writer.next(64); piece !== null; piece = writer.next(64)) {
    pieces.push(piece);
    between();
  }
  return join(...pieces);
}

Deno.test("A snapshot is the state when it began, whatever happens meanwhile, and the log brings it up to date", async () => {
  const action = fc.record({ kind: fc.nat(3), n: fc.nat(30), owner: fc.nat(1) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 40 }),
      fc.array(action, { maxLength: 120 }),
      async (before, during) => {
        const encoder = new LogEncoder();
        const bench = new Bench({ sink: encoder });
        const { engine } = bench;
        const peers = [bench.client(), bench.client()];
        const act = ({ kind, n, owner }: { kind: number; n: number; owner: number }) => {
          const path = n < 10 ? `/p${n}` : `/p${n % 10}/c${n}`;
          const parent = engine.tree.get(n < 10 ? "/" : `/p${n % 10}`);
          const node = engine.tree.get(path);
          if (kind <= 1 && node === undefined && parent !== undefined && parent.kind !== NodeKind.ephemeral) {
            const ephemeral = n >= 10 && owner === 1;
            engine.commit({
              type: Op.create,
              path,
              data: new Uint8Array(n),
              acl: OPEN_ACL,
              kind: ephemeral ? NodeKind.ephemeral : NodeKind.persistent,
              owner: ephemeral ? peers[0]!.session!.id : 0,
            });
          } else if (node === undefined) return;
          else if (kind === 2 && node.children === null) engine.commit({ type: Op.delete, path });
          else if (kind === 3) engine.commit({ type: Op.setData, path, data: new Uint8Array(n + 1) });
        };
        before.forEach(act);
        encoder.take();
        const expected = structuredClone(contents(engine.tree, engine.sessions.all()));
        const zxid = engine.zxid;
        const queue = [...during];
        const bytes = snapshotOf(engine, () => queue.splice(0, 3).forEach(act));
        queue.forEach(act);
        if (during.length > 60) engine.endSession(peers[0]!.session!);
        const tree = new DataTree();
        const loaded = loadSnapshot(bytes, "s", tree);
        assert.equal(loaded.zxid, zxid);
        assert.deepEqual(contents(tree, loaded.sessions), expected);
        const files: Files = new Map([
          [snapshotName(zxid), bytes],
          [segmentName(zxid + 1), join(segmentHead(zxid, false), encoder.take())],
        ]);
        const recovered = await recoverFrom(files);
        assert.deepEqual(
          contents(recovered.tree, recovered.sessions.values()),
          contents(engine.tree, engine.sessions.all()),
        );
        assert.equal(recovered.zxid, engine.zxid);
      },
    ),
    { numRuns: 60 },
  );
});

/** Two snapshots and the segments around them. */
function generations() {
  const encoder = new LogEncoder();
  const bench = new Bench({ sink: encoder });
  const files: Files = new Map();
  let from = 100;
  const close = (first: boolean) => {
    files.set(segmentName(from + 1), join(segmentHead(from, first), encoder.take()));
    from = bench.engine.zxid;
  };
  const peer = bench.client();
  for (let i = 0; i < 5; i++) bench.create(peer, `/a${i}`);
  close(true);
  files.set(snapshotName(from), snapshotOf(bench.engine));
  for (let i = 0; i < 5; i++) bench.create(peer, `/b${i}`);
  close(false);
  files.set(snapshotName(from), snapshotOf(bench.engine));
  for (let i = 0; i < 5; i++) bench.create(peer, `/c${i}`);
  close(false);
  const final = contents(bench.engine.tree, bench.engine.sessions.all());
  return { files, final: structuredClone(final), names: [...files.keys()] };
}

Deno.test("The newest snapshot and what follows it are enough", async () => {
  const { files, final } = generations();
  const all = await recoverFrom(files);
  assert.deepEqual(contents(all.tree, all.sessions.values()), final);
  const [, newest] = namesOf("snapshot", files.keys());
  const segments = namesOf("log", files.keys());
  for (const { name } of segments.slice(0, 2)) files.delete(name);
  for (const { name, zxid } of namesOf("snapshot", files.keys())) if (zxid < newest!.zxid) files.delete(name);
  const few = await recoverFrom(files);
  assert.deepEqual(contents(few.tree, few.sessions.values()), final);
});

Deno.test("Without the newest snapshot the one before it and its log give the same", async () => {
  const { files, final } = generations();
  files.delete(namesOf("snapshot", files.keys()).at(-1)!.name);
  const recovered = await recoverFrom(files);
  assert.deepEqual(contents(recovered.tree, recovered.sessions.values()), final);
});

Deno.test("A missing segment or a missing beginning is noticed", async () => {
  for (const missing of [0, 1, 2]) {
    const { files } = generations();
    for (const { name } of namesOf("snapshot", files.keys())) files.delete(name);
    const name = namesOf("log", files.keys())[missing]!.name;
    files.delete(name);
    if (missing === 2) {
      // Nothing can tell that a last segment is missing when no later file exists: it is as if never written.
      await recoverFrom(files);
    } else await assert.rejects(recoverFrom(files), CorruptFile);
  }
  const { files } = generations();
  for (const { name } of namesOf("log", files.keys())) files.delete(name);
  await assert.rejects(recoverFrom(files), CorruptFile, "a snapshot without the log after it");
});

Deno.test("A segment cut off before a later one exists is damage, not a torn end", async () => {
  const { files } = generations();
  for (const { name } of namesOf("snapshot", files.keys())) files.delete(name);
  const first = namesOf("log", files.keys())[0]!.name;
  files.set(first, files.get(first)!.slice(0, -1));
  await assert.rejects(recoverFrom(files), CorruptFile);
});

Deno.test("A snapshot that is damaged or cut off anywhere stops the recovery, naming the file", async () => {
  const { files } = generations();
  const { name } = namesOf("snapshot", files.keys()).at(-1)!;
  const whole = files.get(name)!;
  for (let length = 0; length < whole.length; length++) {
    files.set(name, whole.slice(0, length));
    await assert.rejects(
      recoverFrom(files),
      (error) => error instanceof CorruptFile && error.file === `dir/${name}`,
    );
  }
  for (let at = 0; at < whole.length; at++) {
    const bytes = whole.slice();
    bytes[at]! ^= 0x10;
    files.set(name, bytes);
    await assert.rejects(
      recoverFrom(files),
      (error) => error instanceof CorruptFile && error.file === `dir/${name}`,
    );
  }
});

Deno.test("An empty directory is an empty state", async () => {
  const recovered = await recoverFrom(new Map());
  assert.equal(recovered.segment, null);
  assert.equal(recovered.tree.size, 4);
  assert.equal(recovered.sessions.size, 0);
});
