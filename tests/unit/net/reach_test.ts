import assert from "node:assert/strict";
import { isNumeric, numericEndpoint, Reach } from "../../../lib/net/reach.ts";
import { Resolver } from "../../../lib/net/resolve.ts";
import { until } from "../../harness/condition.ts";

class FakeSocket {
  readonly calls: string[] = [];
  connect(endpoint: string): void {
    this.calls.push(`connect ${endpoint}`);
  }
  disconnect(endpoint: string): void {
    this.calls.push(`disconnect ${endpoint}`);
  }
}

const names = (addresses: string[]) => new Resolver(() => Promise.resolve(addresses));

Deno.test("an address is connected to at once, a name when its address is known", async () => {
  const socket = new FakeSocket();
  const plain = new Reach(socket, "tcp://[::1]:5");
  assert.deepEqual(socket.calls, ["connect tcp://[::1]:5"]);
  plain.close();
  const named = new Reach(socket, "tcp://h:5", names(["10.0.0.7"]));
  await until("it is connected", () => socket.calls.length === 3);
  named.close();
  named.close();
  assert.deepEqual(socket.calls.slice(1), [
    "disconnect tcp://[::1]:5",
    "connect tcp://10.0.0.7:5",
    "disconnect tcp://10.0.0.7:5",
  ]);
});

Deno.test("a name without an address is no connection, and says why; giving it up ends the look-up", async () => {
  const socket = new FakeSocket();
  const failing = new Reach(socket, "tcp://h:5", new Resolver(() => Promise.reject(new Error("down"))));
  await until("it says why", () => failing.problem !== undefined);
  assert.equal(failing.problem, "No address for host h: down");
  failing.close();
  const endless = new Reach(socket, "tcp://h:5", new Resolver(() => new Promise(() => {})));
  endless.close();
  assert.deepEqual(socket.calls, []);
});

Deno.test("names and addresses are told apart", async () => {
  assert.ok(isNumeric("tcp://10.0.0.1:5") && isNumeric("tcp://[fe80::1%eth0]:5") && !isNumeric("tcp://h:5"));
  assert.equal(await numericEndpoint("tcp://h:5", undefined, names(["::7"])), "tcp://[::7]:5");
});

Deno.test("who ends every connection at once is left alone after some, who keeps one is not", async () => {
  const socket = new FakeSocket();
  const reach = new Reach(socket, "tcp://10.0.0.7:5");
  const stands = async (ms: number) => {
    reach.up = true;
    await new Promise((resolve) => setTimeout(resolve, ms));
    reach.up = false;
  };
  for (let count = 0; count < 3; count++) await stands(1);
  assert.deepEqual(socket.calls, ["connect tcp://10.0.0.7:5"]);
  // One that has stood for a while begins the count anew.
  await stands(1100);
  for (let count = 0; count < 3; count++) await stands(1);
  assert.equal(socket.calls.length, 1);
  await stands(1);
  assert.equal(socket.calls.at(-1), "disconnect tcp://10.0.0.7:5");
  await until("it is tried again", () => socket.calls.length === 3);
  assert.equal(socket.calls.at(-1), "connect tcp://10.0.0.7:5");
  reach.close();
});
