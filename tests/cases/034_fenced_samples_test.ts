/** Case 34: samples that a subscriber dropped for a later owner were acknowledged all the same, and counted nowhere. */
import assert from "node:assert/strict";
import { Lines } from "../harness/lines.ts";
import { systemTest } from "../harness/system.ts";
import { TcpProxy } from "../harness/tcp_proxy.ts";

systemTest(
  "case 34: what is fenced is not delivered, not acknowledged, counted, and said at the end",
  async (system) => {
    await system.broker();
    const reader = system.start(["subscriber", "-t", "A", "--raw", "--id", "reader"]);
    await reader.says(/registered in zone/);
    const publish = ["publisher", "-t", "A", "--stdin", "--wait-for-subscribers", "1"];
    await using coordination = new TcpProxy({ target: system.coordinator.port });
    const lines = new Lines();
    const weak = system.start(
      [...publish, "--id", "weak", "--slow-subscriber", "1", "--session-timeout", "30"],
      { stdin: lines.stream, zookeeper: system.zookeeper.replace(/:\d+/, `:${coordination.port}`) },
    );
    lines.add(10);
    await reader.prints(10);
    // It does not hear that it is succeeded: its lease lasts as long as its session.
    coordination.hold();
    const strong = new Lines();
    const other = system.start([...publish, "--id", "strong", "--strength", "10"], { stdin: strong.stream });
    strong.add(5);
    await reader.prints(15);
    lines.add(500);
    lines.end();
    assert.equal(await weak.exit(), 1);
    assert.match(
      weak.stderr.join("\n"),
      /ERROR .*weak: reader has not acknowledged 5\d\d samples of topic A/,
    );
    strong.end();
    assert.equal(await other.exit(), 0);
    coordination.release();
    await reader.interrupt();
    const said = /dropped samples 11 to 510 of weak on topic A: a later owner was heard/;
    assert.match(reader.stderr.join("\n"), said);
    const { received, lost, fenced } = reader.summary();
    assert.deepEqual({ received, lost, fenced }, { received: 15, lost: 0, fenced: 500 });
  },
);
