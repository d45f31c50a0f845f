/** Case 19: with `--keyed` a byte order mark vanished from a key, and bytes that are no UTF-8 all became one topic. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseContender } from "../../lib/recipes/owner_record.ts";
import { title, unrestricted } from "../harness/permissions.ts";
import { systemTest } from "../harness/system.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

systemTest("case 19: a key with a byte order mark is another topic than one without", async (system) => {
  await system.broker();
  const marked = "\ufeffA";
  const subscriber = system.start(["subscriber", "-t", "A", "-t", marked, "--json", "-m", "3"]);
  await subscriber.says(/registered in zone/);
  const publisher = system.start([
    ...["publisher", "-t", "A", "-t", marked, "--stdin", "--keyed", "--wait-for-subscribers", "1"],
  ], { stdin: bytes(`${marked}\tfirst\nA\tsecond\n${marked}\tthird\n`) });
  assert.equal(await publisher.exit(), 0, publisher.stderr.join("\n"));
  assert.equal(await subscriber.exit(), 0);
  const samples = subscriber.stdout.map((line) => JSON.parse(line) as { topic: string; payload: string });
  const of = (topic: string) => samples.filter((one) => one.topic === topic).map(({ payload }) => payload);
  assert.deepEqual([of(marked), of("A")], [["first", "third"], ["second"]]);
});

systemTest(
  "case 19: a key that is no UTF-8 is refused by its bytes, one with a stray mark by its name",
  async (system) => {
    await system.broker();
    const flags = ["publisher", "-t", "\ufffd", "-t", "A", "--stdin", "--keyed"];
    for (
      const { key, said } of [
        { key: new Uint8Array([0xff]), said: /^error: line 1 .* is no UTF-8: its bytes are ff$/ },
        { key: bytes("\ufeffA"), said: /^error: line 1 .* for topic "\\ufeffA", which is not in --topics$/ },
      ]
    ) {
      const publisher = system.start(flags, { stdin: new Uint8Array([...key, 9, 65, 10]) });
      assert.equal(await publisher.exit(), 1);
      assert.ok(publisher.stderr.some((line) => said.test(line)), publisher.stderr.join("\n"));
    }
  },
);

Deno.test({
  name: title("case 19: a topic on the command line that is no UTF-8 is refused"),
  ignore: !unrestricted,
  async fn() {
    const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
    const script = `exec "$0" run -A --no-check "$1" subscriber -t "$(printf 'A\\377')"`;
    const args = ["-c", script, Deno.execPath(), main];
    const { code, stderr } = await new Deno.Command("sh", { args }).output();
    assert.equal(code, 2);
    assert.match(new TextDecoder().decode(stderr), /^error: argument 3 is not UTF-8: its bytes are 41ff$/m);
  },
});

Deno.test("case 19: a record that is no UTF-8 is no record", () => {
  const record = bytes('{"publisher":"p?","strength":0}');
  assert.notEqual(parseContender(record), undefined);
  record[record.indexOf(63)] = 0xff;
  assert.equal(parseContender(record), undefined);
});
