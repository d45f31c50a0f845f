import assert from "node:assert/strict";
import {
  advertised,
  bindAddress,
  listenAddress,
  placeOf,
  tcpEndpoint,
} from "../../../lib/net/local_address.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

const FOUR = [{ name: "lo", address: "127.0.0.1" }, { name: "eth0", address: "10.0.0.3" }];
const BOTH = [...FOUR, { name: "lo", address: "::1" }, { name: "eth0", address: "fe80::3" }];

Deno.test("an endpoint has an IPv6 address in brackets, once", () => {
  assert.equal(tcpEndpoint("::1", 5), "tcp://[::1]:5");
  assert.equal(tcpEndpoint("[::1]", "*"), "tcp://[::1]:*");
  assert.equal(tcpEndpoint("h", 5), "tcp://h:5");
  assert.equal(advertised("fe80::3", "tcp://[::]:4711"), "tcp://[fe80::3]:4711");
  assert.equal(advertised("h", "tcp://0.0.0.0:4711"), "tcp://h:4711");
});

Deno.test("an own address is listened on alone, another one on all of its kind", async () => {
  assert.equal(await listenAddress("10.0.0.3", undefined, FOUR), "10.0.0.3");
  assert.equal(await listenAddress("127.0.0.5", undefined, FOUR), "127.0.0.5");
  assert.equal(await listenAddress("[fe80::3]", undefined, BOTH), "fe80::3");
  assert.equal(await listenAddress("fe80::3%eth0", undefined, BOTH), "fe80::3%eth0");
  assert.equal(await listenAddress("192.0.2.1", undefined, BOTH), "0.0.0.0");
  assert.equal(await listenAddress("2001:db8::1", undefined, BOTH), "::");
});

Deno.test("for a name all addresses are listened on, of IPv6 too where there is any", async () => {
  assert.equal(await listenAddress("host.example", undefined, FOUR), "0.0.0.0");
  assert.equal(await listenAddress("host.example", undefined, BOTH), "::");
});

Deno.test("what is to be bound is an address, or the one of an interface", async () => {
  assert.equal(await bindAddress("[::1]", undefined, BOTH), "::1");
  assert.equal(await bindAddress("10.9.9.9", undefined, BOTH), "10.9.9.9");
  assert.equal(await bindAddress("eth0", undefined, BOTH), "10.0.0.3");
  assert.equal(
    await bindAddress("eth0", undefined, BOTH.filter(({ address }) => address.includes(":"))),
    "fe80::3",
  );
});

Deno.test({
  name: title("a process that is told its addresses is there, and asks nobody"),
  ignore: !unrestricted,
  fn: async () => {
    const nobody = { hosts: [] };
    const signal = new AbortController().signal;
    const place = (address: string, bind?: string) =>
      placeOf({ address, bind }, nobody, () => assert.fail("it waits"), signal);
    assert.deepEqual(await place("127.0.0.1"), { host: "127.0.0.1", at: "127.0.0.1" });
    assert.deepEqual(await place("proxy.example", "127.0.0.5"), { host: "proxy.example", at: "127.0.0.5" });
  },
});
