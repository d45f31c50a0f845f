/** Case 40: a reader that was cut off from an owner while another came and went lost what it was behind by. */
import assert from "node:assert/strict";
import { freePort } from "../harness/zookeeper.ts";
import { Lines } from "../harness/lines.ts";
import { systemTest } from "../harness/system.ts";
import { TcpProxy } from "../harness/tcp_proxy.ts";

systemTest(
  "case 40: what a fenced owner had published is asked for when it owns the topic again",
  async (system) => {
    await system.broker();
    const reader = system.start(["subscriber", "-t", "A", "--raw", "--id", "reader"]);
    await reader.says(/registered in zone/);
    const port = freePort();
    // Others reach it by way of the proxy.
    await using path = new TcpProxy({ target: port, port, hostname: "127.0.0.2" });
    const lines = new Lines();
    const publish = ["publisher", "-t", "A", "--stdin", "--wait-for-subscribers", "1"];
    const reach = ["--bind", "127.0.0.1", "--bind-port", String(port), "--address", "127.0.0.2"];
    const weak = system.start([...publish, ...reach, "--id", "weak"], { stdin: lines.stream });
    lines.add(100);
    await reader.prints(100);
    path.refuse();
    path.cut();
    lines.add(1000);
    await weak.says(/owns topic A/);
    const strong = new Lines();
    const other = system.start([...publish, "--id", "strong", "--strength", "10"], { stdin: strong.stream });
    await weak.says(/does not own topic A/);
    strong.add(5);
    await reader.prints(105);
    strong.end();
    assert.equal(await other.exit(), 0);
    lines.add(100);
    path.admit();
    lines.end();
    assert.equal(await weak.exit(), 0, weak.stderr.join("\n"));
    await reader.prints(1205);
    await reader.interrupt();
    const { received, lost, fenced } = reader.summary();
    assert.deepEqual({ received, lost, fenced }, { received: 1205, lost: 0, fenced: 0 });
    const numbers = reader.stdout.slice(105).map(Number);
    assert.deepEqual(numbers, lines.given.slice(100).map(Number), "the rest of it, in order");
  },
);
