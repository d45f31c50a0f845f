import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { title, unrestricted } from "../../harness/permissions.ts";

const PROGRAM = fileURLToPath(new URL("fixture/writes_and_takes_back.ts", import.meta.url));

/** Runs `command` in a shell in which `$write` is the program; `$file` is a file that holds "before\n". */
async function inShell(command: string): Promise<{ code: number; out: string; err: string; file: string }> {
  const file = await Deno.makeTempFile({ prefix: "pubsub-descriptor-" });
  try {
    await Deno.writeTextFile(file, "before\n");
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", command],
      env: { file, write: `${Deno.execPath()} run -A --no-check ${PROGRAM}`, NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    return {
      code,
      out: text.decode(stdout),
      err: text.decode(stderr).trim(),
      file: await Deno.readTextFile(file),
    };
  } finally {
    await Deno.remove(file);
  }
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted || Deno.build.os === "windows", fn });
}

test("the end of a file is taken back, and what is written next stands there", async () => {
  const fresh = await inShell('($write one-two 4 -2; echo " after") > "$file"');
  assert.deepEqual(fresh, { code: 0, out: "", err: "", file: "one-2 after\n" });
  const appended = await inShell('($write one-two 4 -2; echo " after") >> "$file"');
  assert.equal(appended.file, "before\none-2 after\n");
});

test("what is not the end of the file stays: others may have written to it", async () => {
  const { file } = await inShell('($write one 0; echo ", other" >> "$file"; $write "" 3) 1<> "$file"');
  assert.match(file, /one.*, other\n$/s);
});

test("what is no file keeps what was written", async () => {
  assert.deepEqual(await inShell("$write one-two 4 -2 | cat"), {
    ...{ code: 0, out: "one-two-2", err: "", file: "before\n" },
  });
  assert.equal((await inShell("$write one 1 > /dev/null")).code, 0);
});

test("what cannot be written is told by its reason", async () => {
  const full = await inShell("$write one > /dev/full");
  assert.deepEqual([full.code, full.err], [1, "Error: No space left on device (os error 28)"]);
  const reading = await inShell('$write one 1< "$file"');
  assert.deepEqual([reading.code, reading.err], [1, "Error: Bad file descriptor (os error 9)"]);
  const gone = await inShell("(sleep 1; $write one) | true; sleep 2");
  assert.match(gone.err, /^BrokenPipe: Broken pipe \(os error 32\)$/);
});
