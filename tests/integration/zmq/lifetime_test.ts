/** Sockets and the process: who keeps whom alive, how it ends, and what idle sockets cost. In processes of their own. */
import assert from "node:assert/strict";
import { Socket } from "../../../lib/zmq/socket.ts";
import { delay, until } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";
import { ANY, Reader, runChild, startChild } from "./support.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted, fn });
}

test("a process that has closed its sockets ends by itself", async () => {
  for (let index = 0; index < 3; index++) {
    const { code, out, err } = await runChild(["everything"]);
    assert.deepEqual({ code, out, err }, { code: 0, out: "closed", err: "" });
  }
});

test("a process that closes sockets somebody waits for ends by itself, and so do the waits", async () => {
  const { code, out, err } = await runChild(["waiting"]);
  assert.deepEqual({ code, out, err }, { code: 0, out: "true true", err: "" });
});

test("an open socket keeps the process alive", async () => {
  await using router = new Socket("router");
  const child = startChild(["peer", router.bind(ANY)]);
  const reader = new Reader(router);
  await reader.first(1, 20_000);
  let ended = false;
  const status = child.status.then(() => ended = true);
  await delay(500);
  assert.equal(ended, false);
  child.kill("SIGKILL");
  await child.output();
  await status;
});

test("a message left to the background is sent before the process ends, even to who comes late", async () => {
  const early = new Socket("router");
  const endpoint = early.bind(ANY);
  await early[Symbol.asyncDispose]();
  const child = runChild(["linger", endpoint, "10000"]);
  await delay(600);
  await using router = await until("the port", () => {
    const socket = new Socket("router");
    try {
      socket.bind(endpoint);
      return socket;
    } catch (error) {
      socket.close();
      throw error;
    }
  });
  const reader = new Reader(router);
  const { code, out } = await child;
  assert.deepEqual({ code, out }, { code: 0, out: "closed" });
  await reader.first(1);
  assert.equal(reader.messages[0]?.[1], "last words");
});

test("a message nobody takes does not keep the process alive beyond its linger time", async () => {
  const { code, out, err } = await runChild(["linger", "tcp://127.0.0.1:1", "300"]);
  assert.deepEqual({ code, out, err }, { code: 0, out: "closed", err: "" });
});

test("exiting in the middle of everything gives the exit code that was asked for", async () => {
  for (let index = 0; index < 5; index++) {
    const { code, signal, err } = await runChild(["exit"]);
    assert.deepEqual({ code, signal, err }, { code: 7, signal: null, err: "" });
  }
});

test("sockets that nothing refers to are not garbage-collected", async () => {
  const { code, out, err } = await runChild(["garbage"], ["--v8-flags=--expose-gc"]);
  assert.deepEqual({ code, out, err }, { code: 0, out: "20 20", err: "" });
});

test("500 idle sockets that are read and watched cost few threads and little of the processor", async () => {
  const { code, out, err } = await runChild(["idle", "500", "0"]);
  assert.deepEqual({ code, err }, { code: 0, err: "" });
  const { threads, used } = JSON.parse(out) as { threads: number; used: number };
  assert.ok(threads < 25, `${threads} threads`);
  // Without heartbeats, which are the library's own work. A wait that spins would take all of it.
  assert.ok(used < 1000, `${used} ms of 2000`);
});

test("running out of descriptors is told in one line, before the process dies of it", async () => {
  const child = new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 200; exec "$0" "$@"', Deno.execPath(), ...fixture("descriptors")],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout } = await child.output();
  const out = new TextDecoder().decode(stdout);
  assert.equal(code, 0);
  assert.match(out, /^\d+ Cannot open a ZeroMQ socket: \d+ of 200 files are open, raise ulimit -n\n$/);
  assert.ok(Number(out.split(" ")[0]) > 50);
});

function fixture(mode: string): string[] {
  return ["run", "-A", "--no-check", new URL("fixture/child.ts", import.meta.url).pathname, mode];
}

test("what is missing to load the library is told", async () => {
  const path = new URL("fixture/child.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", path, "everything"],
    stdin: "null",
  });
  const { code, stderr } = await child.output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /PubsubError: Cannot load the ZeroMQ library: it needs --allow-ffi and --allow-read\n/,
  );
});

test("closing 100 sockets with traffic in flight leaves a process that works", async () => {
  for (let round = 0; round < 10; round++) {
    await using router = new Socket("router");
    const endpoint = router.bind(ANY);
    const reader = new Reader(router, (message) => router.send(message));
    const dealers = Array.from({ length: 10 }, () => new Socket("dealer"));
    for (const dealer of dealers) {
      dealer.connect(endpoint);
      new Reader(dealer, (message) => dealer.send(message));
      for (let index = 0; index < 20; index++) dealer.send(new Uint8Array(10_000));
    }
    await until("traffic", () => reader.messages.length > 100);
    for (const dealer of dealers) dealer.close();
  }
});
