/** Case 24: another folder that imported the library got 30 errors, and no document said how it is done. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { title, unrestricted } from "../harness/permissions.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const PROGRAM = `
import { Broker, Publisher, type Sample, Subscriber, ZooKeeperServer } from "@pubsub/pubsub";

await using server = await ZooKeeperServer.start({ listen: "127.0.0.1:0" });
const zookeeper = server.address;
await using broker = new Broker({ zookeeper });
await broker.start();
await using subscriber = new Subscriber({ zookeeper, topics: ["A"] });
await subscriber.start();
await using publisher = new Publisher({ zookeeper, topics: ["A"] });
await publisher.start();
await publisher.publish("A", "hello");
for await (const sample of subscriber) {
  const { payload }: Sample = sample;
  console.log(new TextDecoder().decode(payload));
  break;
}
`;

/** The configuration that the README shows. */
async function readmeConfig(): Promise<{ links: string[]; imports: Record<string, string> }> {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const block = [...readme.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => text!)
    .find((text) => text.includes('"links"'));
  assert.ok(block, "the README shows a deno.json with links");
  return JSON.parse(block);
}

Deno.test({
  name: title("case 24: a folder of its own uses the library as the README says, with types"),
  ignore: !unrestricted,
  async fn() {
    const config = await readmeConfig();
    assert.deepEqual(config.links, ["../pubsub"]);
    const folder = await Deno.makeTempDir({ prefix: "pubsub-other-folder-" });
    try {
      await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ ...config, links: [ROOT] }));
      await Deno.writeTextFile(`${folder}/main.ts`, PROGRAM);
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--check", "main.ts"],
        cwd: folder,
        env: { NO_COLOR: "1" },
      }).output();
      const errors = new TextDecoder().decode(stderr);
      assert.equal(new TextDecoder().decode(stdout), "hello\n", errors);
      assert.equal(code, 0, errors);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: title("case 24: a type of the public API that is used wrongly is an error there"),
  ignore: !unrestricted,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "pubsub-other-folder-" });
    try {
      await Deno.writeTextFile(
        `${folder}/deno.json`,
        JSON.stringify({ ...await readmeConfig(), links: [ROOT] }),
      );
      const wrong =
        'import { Publisher } from "@pubsub/pubsub";\nnew Publisher({ zookeeper: 5, topics: ["A"] });\n';
      await Deno.writeTextFile(`${folder}/main.ts`, wrong);
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["check", "main.ts"],
        cwd: folder,
        env: { NO_COLOR: "1" },
      }).output();
      assert.notEqual(code, 0);
      assert.match(new TextDecoder().decode(stderr), /TS2322.*not assignable to type .string./);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
