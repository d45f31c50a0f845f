/** The C client (Debian's zookeeper-bin: `cli_mt`, `load_gen`) against the embedded server. */
import assert from "node:assert/strict";
import { ZooKeeperServer } from "../../../lib/zookeeper_server/server.ts";
import { until, within } from "../../harness/condition.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

const BIN = "/usr/lib/zookeeper/bin";

function isInstalled(): boolean {
  try {
    return unrestricted && Deno.statSync(`${BIN}/cli_mt`).isFile;
  } catch {
    return false;
  }
}

const installed = isInstalled();
if (unrestricted && !installed) console.warn("zookeeper-bin is NOT INSTALLED: the C client is left out.");

function test(sentence: string, fn: (server: ZooKeeperServer) => Promise<void>) {
  const name = unrestricted && !installed ? `${sentence} (IGNORED: not installed)` : title(sentence);
  Deno.test({
    name,
    ignore: !installed,
    fn: async () => {
      await using server = await ZooKeeperServer.start({ listen: "127.0.0.1:0" });
      await fn(server);
    },
  });
}

/** The C client's shell: a command is answered when what it should print has come. */
class Shell implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #text = "";

  constructor(address: string) {
    this.#process = new Deno.Command(`${BIN}/cli_mt`, {
      args: [address],
      stdin: "piped",
      stdout: "null", // Nothing but what it says when it ends.
      stderr: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) this.#text += text;
  }

  async expect(pattern: RegExp): Promise<string> {
    const match = await until(
      `the C client prints ${pattern}: ${this.#text}`,
      () => pattern.exec(this.#text),
    );
    this.#text = this.#text.substring(match.index + match[0].length);
    return match[0];
  }

  async run(command: string, pattern: RegExp): Promise<string> {
    await this.#input.write(new TextEncoder().encode(`${command}\n`));
    return await this.expect(pattern);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.write(new TextEncoder().encode("quit\n")).catch(() => {});
    await this.#input.close().catch(() => {});
    await within("the C client ends", this.#process.status).catch(() => this.#process.kill("SIGKILL"));
    await this.#reading;
  }
}

test("The C client's shell creates, reads, watches, lists and deletes every kind of node", async (server) => {
  await using shell = new Shell(server.address);
  await shell.expect(/CONNECTED_STATE/);
  await shell.run("create /plain", /\[\/plain\]: rc = 0\s+name = \/plain/);
  await shell.run("create +s /seq-", /rc = 0\s+name = \/seq-0000000001/);
  await shell.run("create +es /es-", /rc = 0\s+name = \/es-0000000002/);
  await shell.run(
    "create2 +e /ephemeral",
    /\[\/ephemeral\]: rc = 0\s+name = \/ephemeral[^]*ephemeralOwner = [1-9a-f]/,
  );
  await shell.run(
    "create2 +c /container",
    /\[\/container\]: rc = 0\s+name = \/container[^]*ephemeralOwner = 0/,
  );
  await shell.run("create2 +t=100000 /brief", /\[\/brief\]: rc = 0\s+name = \/brief[^]*ephemeralOwner = 0/);
  await shell.run("set /plain hello", /\/plain: rc = 0[^]*version=1/);
  await shell.run("get /plain", /\/plain: rc = 0\s+value_len = 5\s+hello/);
  await shell.run("ls /", /\/: rc = 0[^]*plain/);
  await shell.run("ls2 /", /\/: rc = 0[^]*brief[^]*ephemeralOwner = 0/);
  await shell.run("sync /", /\[\/\]: rc = 0/);
  // "get" has left a watch; its event comes before the answer to the write.
  await shell.run("set /plain again", /CHANGED_EVENT state = CONNECTED_STATE for path \/plain[^]*version=2/);
  await shell.run("delete /plain", /\/plain: rc = 0/);
  await shell.run("exists /plain", /Error -101 for \/plain/);
});

test("The C client's session ends when it quits, with its ephemeral nodes", async (server) => {
  {
    await using shell = new Shell(server.address);
    await shell.expect(/CONNECTED_STATE/);
    await shell.run("create +e /e", /rc = 0\s+name = \/e/);
    assert.equal(server.stats().ephemerals, 1);
  }
  await until("the session is over", () => server.stats().sessions === 0);
  assert.equal(server.stats().ephemerals, 0);
});

test("The C client's load generator is served", async (server) => {
  const process = new Deno.Command(`${BIN}/load_gen`, {
    args: [server.address, "/load", "50"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await until("it has created its nodes and made many requests", () => {
      const { nodes, packetsReceived } = server.stats();
      return nodes >= 4 + 51 && packetsReceived > 2000;
    }, 30_000);
  } finally {
    process.kill("SIGKILL");
    await process.status;
  }
});
