import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { title, unrestricted } from "../harness/permissions.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/hello.ts", import.meta.url));

Deno.test({
  name: title("the library's example prints its samples and ends by itself"),
  ignore: !unrestricted,
  fn: async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", EXAMPLE],
      signal: AbortSignal.timeout(60_000),
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => line.replace(/from [^ :]+/, "from P")), [
      "greetings #1 from P: hello",
      "greetings #2 from P: again",
      "greetings #3 from P: and goodbye",
    ]);
  },
});

Deno.test({
  name: title("the README shows the example as it is"),
  ignore: !unrestricted,
  fn: async () => {
    const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
    const code = (await Deno.readTextFile(EXAMPLE)).replace(/^\/\*\*[\s\S]*?\*\/\n/, "");
    assert.ok(readme.includes(code.trim()), "README.md and examples/hello.ts differ");
  },
});
