import assert from "node:assert/strict";
import { answerWord, type ServerFacts } from "../../../lib/zookeeper_server/four_letter_words.ts";
import { Bench } from "./fake_peer.ts";

const FACTS: ServerFacts = {
  address: "127.0.0.1:2181",
  dataDir: null,
  tickTimeMs: 2000,
  upMs: 5,
  connections: [],
  connectionCount: 0,
  latency: { min: 0, avg: 0.5, max: 2 },
  outstanding: 0,
};

Deno.test("The words are answered in Apache's format", () => {
  const bench = new Bench();
  const peer = bench.client();
  bench.create(peer, "/e", { flags: 1 });
  bench.ask(peer, 8, (out) => (out.string("/"), out.bool(true)));
  const ask = (word: string) =>
    answerWord(word, bench.engine, { ...FACTS, connections: [Object.assign(peer, { queued: 0 })] })!;
  assert.equal(ask("ruok"), "imok");
  assert.equal(ask("isro"), "rw");
  assert.match(
    ask("srvr"),
    /^Zookeeper version: 3\.8\.0.*\nLatency min\/avg\/max: 0\/0\.5000\/2\n.*Zxid: 0x66\nMode: standalone\nNode count: 5\n$/s,
  );
  assert.match(ask("stat"), /\nClients:\n \/127\.0\.0\.1:1\[1\]\(queued=0,recved=3,sent=3\)\n/);
  assert.match(ask("cons"), /sid=0x1,to=10000/);
  assert.match(ask("mntr"), /\nzk_znode_count\t5\nzk_watch_count\t1\nzk_ephemerals_count\t1\n/);
  assert.equal(ask("wchs"), "1 connections watching 1 paths\nTotal watches:1\n");
  assert.equal(ask("wchp"), "/\n\t0x1\n");
  assert.equal(ask("wchc"), "0x1\n\t/\n");
  assert.match(ask("dump"), /Sessions with Ephemerals \(1\):\n0x1:\n\t\/e\n/);
  assert.match(ask("envi"), /^zookeeper\.version=3\.8\.0/m);
  assert.match(ask("conf"), /^clientPort=2181$/m);
  assert.equal(answerWord("nope", bench.engine, FACTS), null);
});
