import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CoordinationError } from "../../../lib/base/errors.ts";
import {
  checkPath,
  checkSize,
  createRequest,
  serverError,
  setDataRequest,
  setWatchesRequests,
  syncRequest,
  toBuffer,
} from "../../../lib/zk/requests.ts";

Deno.test("paths that ZooKeeper would not take are refused before sending", () => {
  for (const path of ["", "a", "a/b", "/a/", "//", "/a//b", "/./a", "/a/..", "/a\0b", "/\ud800"]) {
    assert.throws(
      () => checkPath(path),
      (error) => CoordinationError.is(error, "INVALID"),
      JSON.stringify(path),
    );
  }
  for (const path of ["/", "/a", "/a/b.c", "/a/...", "/topics/%2E", "/é"]) checkPath(path);
});

Deno.test("a request that the server would answer by closing the connection is refused", () => {
  checkSize("/a", new Uint8Array(1_048_000));
  assert.throws(
    () => checkSize("/a", new Uint8Array(1_048_575)),
    (error) => CoordinationError.is(error, "INVALID"),
  );
});

Deno.test("text and bytes are sent as they are, never as null", () => {
  const bytes = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4);
  for (const data of ["\u0001\u0002\u0003", bytes]) {
    const sent = createRequest("/p", toBuffer(data), true, true).toBuffer();
    assert.ok(sent.includes(Buffer.from([0, 0, 0, 3, 1, 2, 3])));
    assert.equal(sent.readInt32BE(sent.length - 4), 3); // ephemeral and sequential
  }
});

Deno.test("version 0 is sent as 0", () => {
  const sent = setDataRequest("/p", toBuffer("x"), 0).toBuffer();
  assert.equal(sent.readInt32BE(sent.length - 4), 0);
});

Deno.test("sync is written by hand as the protocol has it", () => {
  const request = syncRequest("/é");
  request.header.xid = 7;
  assert.deepEqual(
    request.toBuffer(),
    Buffer.from([0, 0, 0, 15, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 3, 0x2f, 0xc3, 0xa9]),
  );
});

Deno.test("many watches are armed again in packets that a server takes", () => {
  const data = Array.from({ length: 20_000 }, (_, i) => `/shared_state/publishers/${"x".repeat(60)}-${i}`);
  const requests = setWatchesRequests(Buffer.alloc(8, 1), { data, exist: ["/e"], child: ["/c1", "/c2"] });
  assert.ok(requests.length > 1);
  const sizes = requests.map((request) => request.toBuffer().length);
  assert.ok(sizes.every((size) => size < 1_000_000), String(sizes));
  const all = Buffer.concat(requests.map((request) => request.toBuffer())).toString("latin1");
  for (const path of [data[0]!, data.at(-1)!, "/e", "/c1", "/c2"]) assert.ok(all.includes(path));
  assert.deepEqual(setWatchesRequests(Buffer.alloc(8), { data: [], exist: [], child: [] }), []);
});

Deno.test("the server's error numbers become codes, unknown ones too", () => {
  const codes = [-4, -8, -101, -102, -103, -110, -111, -112, -125, -9999].map((number) =>
    serverError("x", "/p", number).code
  );
  assert.deepEqual(codes, [
    "CONNECTION_LOSS",
    "INVALID",
    "NO_NODE",
    "NO_AUTH",
    "BAD_VERSION",
    "NODE_EXISTS",
    "NOT_EMPTY",
    "SESSION_LOST",
    "OTHER",
    "OTHER",
  ]);
});
