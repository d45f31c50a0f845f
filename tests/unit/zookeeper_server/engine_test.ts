import assert from "node:assert/strict";
import fc from "fast-check";
import { JuteReader, type JuteWriter, Malformed } from "../../../lib/zookeeper_server/jute.ts";
import { Err } from "../../../lib/zookeeper_server/protocol.ts";
import { readMultiResults, readStat, writeAclList } from "../../harness/raw_zookeeper.ts";
import { Bench, FakePeer } from "./fake_peer.ts";

const READ_ONLY = [{ perms: 1, scheme: "world", id: "anyone" }];

function connectAnswer(peer: FakePeer) {
  const body = new JuteReader(peer.bodies()[0]!);
  body.int();
  const answer = { timeout: body.int(), session: body.long(), password: body.view()!.slice() };
  return { ...answer, readOnlyFlag: body.remaining };
}

Deno.test("A handshake without a session gives one, with the time-out clamped, in the client's length", () => {
  const bench = new Bench();
  for (const [asked, granted] of [[5000, 5000], [10, 1000], [-5, 1000], [999_999, 20_000]] as const) {
    const answer = connectAnswer(bench.connect({ timeout: asked }));
    assert.equal(answer.timeout, granted);
    assert.equal(answer.password.length, 16);
    assert.equal(answer.readOnlyFlag, 1);
  }
  assert.equal(connectAnswer(bench.connect({ readOnly: false })).readOnlyFlag, 0);
  assert.equal(bench.engine.sessions.size, 5);
});

Deno.test("A session attaches again with its password, its time-out is settled anew, the old connection ends", () => {
  const bench = new Bench();
  const first = bench.connect();
  const { session, password } = connectAnswer(first);
  const second = bench.connect({ session: BigInt(session), password, timeout: 3000 });
  assert.deepEqual(connectAnswer(second), { timeout: 3000, session, password, readOnlyFlag: 1 });
  assert.equal(first.ending, "now");
  assert.equal(bench.engine.sessions.get(session)!.peer, second);
  bench.engine.disconnected(first); // The late news of the old connection's end must not detach the new one.
  assert.equal(bench.engine.sessions.get(session)!.peer, second);
});

Deno.test("A wrong password, an unknown and an ended session are refused, and the real owner keeps its connection", () => {
  const bench = new Bench();
  const owner = bench.connect();
  const { session, password } = connectAnswer(owner);
  const refused = { timeout: 0, session: 0, password: new Uint8Array(16), readOnlyFlag: 1 };
  for (
    const options of [
      { session: BigInt(session), password: new Uint8Array(16) },
      { session: BigInt(session), password: null },
      { session: 77n, password },
      { session: -1n, password },
      { session: 2n ** 63n - 1n, password },
    ]
  ) {
    const peer = bench.connect(options);
    assert.deepEqual(connectAnswer(peer), refused);
    assert.equal(peer.ending, "sent");
    assert.equal(peer.session, null);
  }
  assert.equal(owner.ending, "no");
  bench.ask(owner, -11);
  assert.deepEqual(connectAnswer(bench.connect({ session: BigInt(session), password })), refused);
});

Deno.test("A client that has seen a later state is not answered", () => {
  const bench = new Bench();
  const peer = bench.connect({ lastZxidSeen: 101n });
  assert.equal(peer.ending, "now");
  assert.deepEqual(peer.bodies(), []);
  assert.equal(bench.connect({ lastZxidSeen: 100n }).ending, "no");
});

Deno.test("A session ends when its client is silent: ephemerals go under one zxid, watches fire, its connection ends", () => {
  const bench = new Bench();
  const [mortal, watcher] = [bench.client(), bench.client()];
  bench.create(mortal, "/e1", { flags: 1 });
  bench.create(mortal, "/e2", { flags: 1 });
  bench.ask(watcher, 8, (out) => (out.string("/"), out.bool(true)));
  bench.ask(watcher, 3, (out) => (out.string("/e2"), out.bool(true)));
  const before = bench.engine.zxid;
  for (let i = 0; i < 120; i++) {
    bench.pass(100);
    if (watcher.ending === "no") bench.ask(watcher, 11);
    if (bench.engine.sweep().length > 0) break;
  }
  assert.equal(mortal.ending, "now");
  assert.equal(watcher.ending, "no");
  assert.deepEqual(watcher.events(), ["4 /", "2 /e2"]);
  assert.equal(bench.engine.zxid, before + 1);
  assert.equal(bench.engine.tree.get("/")!.pzxid, before + 1);
  assert.equal(bench.engine.tree.ephemeralCount, 0);
});

Deno.test("Closing a session answers after its watches fired, then ends the connection", () => {
  const bench = new Bench();
  const peer = bench.client();
  bench.create(peer, "/e", { flags: 1 });
  bench.ask(peer, 3, (out) => (out.string("/e"), out.bool(true)));
  bench.request(peer, -11);
  const frames = peer.frames();
  assert.deepEqual(frames.map((frame) => frame.xid), [-1, 7]);
  assert.equal(peer.ending, "sent");
  assert.equal(bench.engine.sessions.size, 0);
});

Deno.test("A watch event comes before the reply to the write that caused it, and before the new data elsewhere", () => {
  const bench = new Bench();
  const [writer, reader] = [bench.client(), bench.client()];
  bench.create(writer, "/a");
  for (const peer of [writer, reader]) bench.ask(peer, 4, (out) => (out.string("/a"), out.bool(true)));
  bench.request(writer, 5, (out) => (out.string("/a"), out.buffer(new Uint8Array(1)), out.int(-1)));
  bench.request(reader, 4, (out) => (out.string("/a"), out.bool(false)));
  assert.deepEqual(writer.frames().map((frame) => frame.xid), [-1, 7]);
  assert.deepEqual(reader.frames().map((frame) => frame.xid), [-1, 7]);
});

Deno.test("A failed multi leaves no trace: no node, no zxid, no sequence number, no event", () => {
  const bench = new Bench();
  const peer = bench.client();
  bench.create(peer, "/q");
  bench.create(peer, "/q/n-", { flags: 2 });
  bench.ask(peer, 8, (out) => (out.string("/q"), out.bool(true)));
  const before = bench.engine.zxid;
  const multi = (version: number) =>
    bench.request(peer, 14, (out) => {
      for (let i = 0; i < 2; i++) {
        out.int(1), out.bool(false), out.int(-1);
        out.string("/q/n-"), out.buffer(null), writeAclList(out, READ_ONLY), out.int(2);
      }
      out.int(13), out.bool(false), out.int(-1), out.string("/q"), out.int(version);
      out.int(2), out.bool(false), out.int(-1), out.string("/q/n-0000000000"), out.int(-1);
      out.int(-1), out.bool(true), out.int(-1);
    });
  multi(5);
  const failed = peer.frames();
  assert.deepEqual(failed.map((frame) => [frame.xid, frame.err]), [[7, 0]]);
  assert.deepEqual(readMultiResults(failed[0]!.body).map((result) => [result.type, result.err]), [
    [-1, 0],
    [-1, 0],
    [-1, Err.badVersion],
    [-1, Err.runtimeInconsistency],
  ]);
  assert.equal(bench.engine.zxid, before);
  multi(0);
  const done = peer.frames();
  assert.deepEqual(done.map((frame) => frame.xid), [-1, 7]);
  assert.deepEqual(readMultiResults(done[1]!.body).map((result) => result.path), [
    "/q/n-0000000001",
    "/q/n-0000000002",
    undefined,
    undefined,
  ]);
  assert.equal(bench.engine.zxid, before + 1);
  assert.equal(bench.engine.tree.get("/q/n-0000000002")!.czxid, before + 1);
});

Deno.test("An empty multi is legal", () => {
  const bench = new Bench();
  const reply = bench.ask(bench.client(), 14, (out) => (out.int(-1), out.bool(true), out.int(-1)));
  assert.equal(reply.err, 0);
  assert.deepEqual(readMultiResults(reply.body), []);
});

Deno.test("Permissions are enforced, and a watcher without read permission is not told", () => {
  const bench = new Bench();
  const [owner, other] = [bench.client(), bench.client()];
  bench.ask(
    owner,
    100,
    (out) => (out.int(0), out.string("digest"), out.buffer(new TextEncoder().encode("ann:pw"))),
  );
  const mine = [{ perms: 31, scheme: "auth", id: "" }];
  bench.ask(other, 3, (out) => (out.string("/secret"), out.bool(true)));
  assert.equal(bench.create(owner, "/secret", { acl: mine }).err, 0);
  assert.deepEqual(other.events(), []);
  const path = (out: JuteWriter) => out.string("/secret");
  assert.equal(bench.ask(other, 4, (out) => (path(out), out.bool(false))).err, Err.noAuth);
  assert.equal(bench.ask(other, 8, (out) => (path(out), out.bool(false))).err, Err.noAuth);
  assert.equal(bench.ask(other, 5, (out) => (path(out), out.buffer(null), out.int(-1))).err, Err.noAuth);
  assert.equal(bench.ask(other, 6, path).err, Err.noAuth);
  assert.equal(bench.create(other, "/secret/x").err, Err.noAuth);
  assert.equal(
    bench.ask(other, 3, (out) => (path(out), out.bool(false))).err,
    0,
    "exists asks for no permission",
  );
  assert.equal(bench.ask(owner, 4, (out) => (path(out), out.bool(false))).err, 0);
  assert.equal(
    bench.ask(other, 2, (out) => (path(out), out.int(-1))).err,
    0,
    "deleting is the parent's to allow",
  );
});

Deno.test("An unknown scheme fails and ends the connection; an unknown operation too", () => {
  const bench = new Bench();
  const peer = bench.client();
  const reply = bench.ask(peer, 100, (out) => (out.int(0), out.string("sasl"), out.buffer(null)));
  assert.equal(reply.err, Err.authFailed);
  assert.equal(peer.ending, "sent");
  const other = bench.client();
  assert.equal(bench.ask(other, 4711).err, Err.unimplemented);
  assert.equal(other.ending, "sent");
});

Deno.test("Too many watches are refused and none of them is set", () => {
  const bench = new Bench({ limits: { watchesPerConnection: 3, watches: 5 } });
  const [one, two] = [bench.client(), bench.client()];
  const watch = (peer: FakePeer, path: string) =>
    bench.ask(peer, 3, (out) => (out.string(path), out.bool(true))).err;
  assert.deepEqual(["/a", "/b", "/c", "/d"].map((path) => watch(one, path)), [
    Err.noNode,
    Err.noNode,
    Err.noNode,
    Err.systemError,
  ]);
  const many = bench.ask(
    two,
    101,
    (out) => (out.long(0), out.strings(["/zookeeper", "/"]), out.strings(["/x"]), out.strings([])),
  );
  assert.equal(many.err, Err.systemError);
  assert.equal(bench.engine.watches.size, 3);
  bench.engine.disconnected(one);
  assert.equal(bench.engine.watches.size, 0);
});

Deno.test("Watches are set again relative to what the client has seen", () => {
  const bench = new Bench();
  const [peer, writer] = [bench.client(), bench.client()];
  for (const path of ["/same", "/changed", "/grown", "/gone"]) bench.create(writer, path);
  const seen = bench.engine.zxid;
  bench.ask(writer, 5, (out) => (out.string("/changed"), out.buffer(null), out.int(-1)));
  bench.create(writer, "/grown/x");
  bench.ask(writer, 2, (out) => (out.string("/gone"), out.int(-1)));
  bench.create(writer, "/born");
  bench.request(peer, 101, (out) => {
    out.long(seen);
    out.strings(["/same", "/changed", "/gone"]);
    out.strings(["/born", "/unborn"]);
    out.strings(["/grown", "/gone", "/same"]);
  });
  assert.deepEqual(peer.events(), ["3 /changed", "2 /gone", "1 /born", "4 /grown", "2 /gone"]);
  bench.create(writer, "/unborn");
  bench.create(writer, "/same/child");
  assert.deepEqual(peer.events(), ["1 /unborn", "4 /same"]);
});

Deno.test("Containers and TTL nodes go by themselves", () => {
  const bench = new Bench();
  const peer = bench.client();
  const create = (type: number, path: string, flags: number) =>
    bench.ask(peer, type, (out) => {
      out.string(path), out.buffer(null), writeAclList(out, READ_ONLY.map((one) => ({ ...one, perms: 31 })));
      out.int(flags);
      if (type === 21) out.long(1000);
    });
  const container = create(19, "/box", 4);
  assert.equal(container.body.string(), "/box");
  assert.equal(readStat(container.body).ephemeralOwner, 0n);
  assert.equal(create(21, "/brief", 5).err, 0);
  assert.equal(create(21, "/brief-", 6).body.string(), "/brief-0000000002");
  assert.equal(create(21, "/no", 1).err, Err.badArguments);
  bench.create(peer, "/box/x");
  bench.ask(peer, 2, (out) => (out.string("/box/x"), out.int(-1)));
  bench.pass(900);
  bench.engine.sweepNodes();
  assert.equal(bench.engine.tree.get("/box"), undefined);
  assert.notEqual(bench.engine.tree.get("/brief"), undefined);
  bench.pass(200);
  bench.engine.sweepNodes();
  assert.equal(bench.engine.tree.get("/brief"), undefined);
});

Deno.test("Any bytes as a connect request are a handshake or Malformed", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    const bench = new Bench();
    try {
      bench.engine.connect(new FakePeer(), new JuteReader(bytes));
    } catch (error) {
      assert.ok(error instanceof Malformed, String(error));
    }
  }));
});

Deno.test("Any bytes as a request are answered once or end that connection, and hurt nobody else", () => {
  const type = fc.constantFrom(
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    11,
    12,
    13,
    14,
    15,
    17,
    18,
    19,
    21,
    22,
    100,
    101,
    103,
    104,
    105,
    106,
    107,
    -11,
    0,
    99,
  );
  const text = fc.constantFrom(
    "\0\0\0\x02/a",
    "\0\0\0\x01/",
    "\0\0\0\x01",
    "\0\0\0\0",
    "\xff\xff\xff\xff",
    "/",
    "\0\0\0\x06digest",
  );
  const hostile = fc.array(
    fc.oneof(fc.uint8Array({ maxLength: 12 }), text.map((t) => Uint8Array.from(t, (c) => c.charCodeAt(0)))),
    { maxLength: 6 },
  );
  const bench = new Bench();
  const bystander = bench.client();
  bench.create(bystander, "/a");
  let peer = bench.client();
  fc.assert(
    fc.property(type, hostile, (op, pieces) => {
      if (peer.ending !== "no") peer = bench.client();
      bench.request(peer, op, (out) => pieces.forEach((piece) => out.raw(piece)));
      const replies = peer.frames().filter((frame) => frame.xid === 7);
      assert.equal(replies.length, 1);
      bystander.frames();
      assert.equal(bench.ask(bystander, 11).err, 0);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("A frame too short for a header ends the connection", () => {
  const bench = new Bench();
  const peer = bench.client();
  bench.engine.request(peer, new JuteReader(new Uint8Array(7)));
  assert.equal(peer.ending, "now");
});

Deno.test("Any xid is echoed", () => {
  const bench = new Bench();
  const peer = bench.client();
  for (const xid of [0, -5, 2 ** 31 - 1, -(2 ** 31), -1]) {
    bench.request(peer, 9, (out) => out.string("/"), xid);
    assert.equal(peer.frames()[0]!.xid, xid);
  }
});
