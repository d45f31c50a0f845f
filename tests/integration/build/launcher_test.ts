/** The self-extracting executable, started as its users do: many at once, interrupted, on bad disks, with bad files. */
import assert from "node:assert/strict";
import { title, unrestricted } from "../../harness/permissions.ts";
import { inMountNamespace, inTempDir, mayMount, namesIn, packedFixture, run } from "./packed_program.ts";

function test(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name: title(name), ignore: !unrestricted || Deno.build.os !== "linux", fn });
}

function testWithMounts(name: string, fn: () => Promise<void>): void {
  const missing = unrestricted && !mayMount ? " (ignored: may not mount here)" : "";
  Deno.test({ name: title(name) + missing, ignore: !mayMount, fn });
}

async function eventually(condition: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!await holds()) {
    assert.ok(performance.now() < deadline, `not within 120 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("50 copies started at once in an empty cache all run, from one unpacked directory", async () => {
  const pubsub = await packedFixture("whole");
  await inTempDir(async (directory) => {
    const env = { PUBSUB_CACHE_DIR: directory };
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) => run(pubsub, ["echo", String(i)], env)),
    );
    assert.deepEqual(all.map((one) => one.err).filter((line) => line !== ""), []);
    assert.deepEqual(all.map((one) => one.out), all.map((_, i) => `["${i}"]`));
    assert.equal((await namesIn(directory)).length, 1);
  });
});

/** What unpacking needs: neither flock nor a way to look at what files hold. */
const TOOLS = "sh stat mkdir rm ls id tail gzip tar mktemp mv tr find chmod";

async function linkTools(directory: string): Promise<void> {
  await Deno.mkdir(directory);
  for (const tool of TOOLS.split(" ")) {
    const { out } = await run("sh", ["-c", `command -v ${tool}`]);
    await Deno.symlink(out, `${directory}/${tool}`);
  }
}

test("without flock, copies started at once unpack side by side and the first one wins", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    await linkTools(`${directory}/bin`);
    const env = { PUBSUB_CACHE_DIR: `${directory}/cache`, PATH: `${directory}/bin` };
    const all = await Promise.all(Array.from({ length: 6 }, () => run(pubsub, ["echo"], env)));
    assert.deepEqual(all, all.map(() => ({ code: 0, out: "[]", err: "" })));
    assert.equal((await namesIn(`${directory}/cache`)).length, 1);
  });
});

test("the second start uses what the first one unpacked", async () => {
  const pubsub = await packedFixture("whole");
  await inTempDir(async (directory) => {
    const env = { PUBSUB_CACHE_DIR: directory };
    assert.match((await run(pubsub, ["--version"], env)).out, /self-extracting; .* unpacked in /);
    const [key] = await namesIn(directory);
    const first = await Deno.stat(`${directory}/${key}`);
    // Without the tools that unpack, only an unpacked copy can start.
    await Deno.mkdir(`${directory}/bin`);
    await Deno.symlink("/usr/bin/stat", `${directory}/bin/stat`);
    const said = await run(pubsub, ["echo", "x"], { ...env, PATH: `${directory}/bin` });
    assert.deepEqual(said, { code: 0, out: '["x"]', err: "" });
    assert.equal((await Deno.stat(`${directory}/${key}`)).ino, first.ino);
  });
});

test("arguments, standard input and exit code pass through unchanged", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const env = { PUBSUB_CACHE_DIR: directory };
    const hard = ["", "a b", "*", "$HOME", "--", "-n", "line\nbreak", "ö€", "'", '"', "\\"];
    assert.deepEqual(JSON.parse((await run(pubsub, ["echo", ...hard], env)).out), hard);
    assert.equal((await run(pubsub, ["exit", "42"], env)).code, 42);
    const piped = await run("sh", ["-c", `printf 'one\\0two' | ${pubsub} cat`], env);
    assert.equal(piped.out, "one\0two");
  });
});

test("the process started is the program itself: its pid, its signals", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    for (const start of ["first", "second"]) {
      const child = new Deno.Command(pubsub, {
        args: ["wait"],
        env: { PUBSUB_CACHE_DIR: directory },
        stdin: "null",
        stdout: "piped",
      }).spawn();
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      assert.equal((await reader.read()).value?.trim(), String(child.pid), `${start} start`);
      child.kill("SIGTERM");
      assert.equal((await reader.read()).value?.trim(), "terminated", `${start} start`);
      assert.equal((await child.status).code, 7, `${start} start`);
      await reader.cancel();
    }
  });
});

test("the packed program finds its native library, and starts itself again", async () => {
  const pubsub = await packedFixture("whole");
  await inTempDir(async (directory) => {
    const env = { PUBSUB_CACHE_DIR: directory };
    assert.match((await run(pubsub, ["zeromq"], env)).out, /^4\.\d+\.\d+$/);
    assert.equal((await run(pubsub, ["again"], env)).out, '["child"]');
  });
});

test("a damaged unpacked copy is told and replaced", async (t) => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const env = { PUBSUB_CACHE_DIR: directory };
    await run(pubsub, ["echo"], env);
    const [key] = await namesIn(directory);
    const damages: [string, () => Promise<void>][] = [
      ["a truncated program", () => Deno.truncate(`${directory}/${key}/main.js`, 100)],
      ["a truncated runtime", () => Deno.truncate(`${directory}/${key}/pubsub`, 1_000_000)],
      ["an empty runtime", () => Deno.truncate(`${directory}/${key}/pubsub`, 0)],
      ["a missing library", () => Deno.remove(`${directory}/${key}/node_modules`, { recursive: true })],
      ["a missing runtime", () => Deno.remove(`${directory}/${key}/pubsub`)],
    ];
    for (const [name, damage] of damages) {
      await t.step(name, async () => {
        await damage();
        const said = await run(pubsub, ["zeromq"], env);
        assert.match(said.err, /^pubsub: the unpacked copy in .* was damaged: unpacked again$/);
        assert.match(said.out, /^4\./);
        assert.deepEqual(await namesIn(directory), [key]);
      });
    }
  });
});

test("an incomplete copy of the executable says so in one line and leaves nothing behind", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const whole = await Deno.readFile(pubsub);
    const flipped = whole.slice();
    flipped.fill(0x55, whole.length / 2, whole.length / 2 + 64);
    for (
      const [name, bytes] of [["cut", whole.subarray(0, whole.length / 2)], ["flipped", flipped]] as const
    ) {
      await Deno.writeFile(`${directory}/${name}`, bytes, { mode: 0o755 });
      const said = await run(`${directory}/${name}`, ["echo"], { PUBSUB_CACHE_DIR: `${directory}/cache` });
      assert.equal(said.code, 1);
      assert.match(said.err, /^pubsub: cannot unpack itself into .*; is .* a complete copy\? \(.*\)$/);
      assert.deepEqual(await namesIn(`${directory}/cache`), []);
    }
  });
});

/** Starts it with a `tar` that waits for `go` to be called: it is then in the middle of unpacking. */
async function startHeldUp(
  pubsub: string,
  directory: string,
): Promise<{ child: Deno.ChildProcess; go: () => Promise<void>; cache: string }> {
  await Deno.mkdir(`${directory}/bin`);
  const script =
    `#!/bin/sh\n: > ${directory}/held\nwhile [ ! -e ${directory}/go ]; do sleep 0.02; done\nexec /bin/tar "$@"\n`;
  await Deno.writeTextFile(`${directory}/bin/tar`, script, { mode: 0o755 });
  const cache = `${directory}/cache`;
  const env = { PUBSUB_CACHE_DIR: cache, PATH: `${directory}/bin:/usr/bin:/bin` };
  const child = new Deno.Command(pubsub, { args: ["wait"], env, stdin: "null", stdout: "null" }).spawn();
  await eventually(
    "it has begun to unpack",
    () => Deno.stat(`${directory}/held`).then(() => true, () => false),
  );
  return { child, go: () => Deno.writeTextFile(`${directory}/go`, ""), cache };
}

test("killed while unpacking, the next start unpacks again", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const { child, go, cache } = await startHeldUp(pubsub, directory);
    child.kill("SIGKILL");
    await child.status;
    await go();
    const said = await run(pubsub, ["echo", "later"], { PUBSUB_CACHE_DIR: cache });
    assert.deepEqual(said, { code: 0, out: '["later"]', err: "" });
  });
});

test("terminated while unpacking, it leaves nothing behind", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const { child, go, cache } = await startHeldUp(pubsub, directory);
    child.kill("SIGTERM");
    await go();
    assert.equal((await child.status).code, 143);
    assert.deepEqual(await namesIn(cache), []);
  });
});

testWithMounts("a read-only home: the private directory in /tmp is used", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const script = `cp ${pubsub} ${directory}/pubsub
      mount -t tmpfs -o size=300m none /mnt; cp ${directory}/pubsub /mnt/pubsub; mkdir /mnt/tmp /mnt/home
      mount -t tmpfs -o ro none /mnt/home
      mount --bind /mnt/tmp /tmp
      HOME=/mnt/home /mnt/pubsub --version; ls -ld /tmp/pubsub-0`;
    const said = await inMountNamespace(script, {});
    assert.match(said.out, /unpacked in \/tmp\/pubsub-0\//, said.err);
    assert.match(said.out, /^drwx------/m);
    assert.equal(said.err, "");
  });
});

testWithMounts("a directory in /tmp that others could have prepared is refused", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const script = `cp ${pubsub} ${directory}/pubsub
      mount -t tmpfs -o size=300m none /mnt; cp ${directory}/pubsub /mnt/pubsub; mkdir /mnt/tmp
      mount --bind /mnt/tmp /tmp
      mkdir -m 777 /tmp/pubsub-0
      /mnt/pubsub --version && exit 9
      rmdir /tmp/pubsub-0; mkdir -m 700 /tmp/elsewhere; ln -s /tmp/elsewhere /tmp/pubsub-0
      /mnt/pubsub --version && exit 9
      exit 0`;
    const said = await inMountNamespace(script, {});
    assert.equal(said.code, 0, said.out);
    const line =
      /^pubsub: no place to unpack itself .* \(\/tmp\/pubsub-0: not a private directory of yours\)$/;
    assert.equal(said.err.split("\n").length, 2);
    for (const each of said.err.split("\n")) assert.match(each, line);
  });
});

testWithMounts("a full disk is told in one line, and nothing is left on it", async () => {
  const pubsub = await packedFixture("whole");
  await inTempDir(async (directory) => {
    const script = `mount -t tmpfs -o size=30m none /mnt
      PUBSUB_CACHE_DIR=/mnt/cache ${pubsub} --version || echo code $?
      ls -A /mnt/cache`;
    const said = await inMountNamespace(script, { HOME: directory });
    assert.match(
      said.err,
      /^pubsub: no room to unpack in \/mnt\/cache \(needs \d+ MiB\): free some, or set PUBSUB_CACHE_DIR .*$/,
    );
    assert.equal(said.out, "code 1\n.lock");
  });
});

testWithMounts("a cache that became read-only after unpacking still starts the program", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    await run(pubsub, ["echo"], { PUBSUB_CACHE_DIR: directory });
    // What has changed is looked at by its content, and no new seal can be written.
    const script = `chmod u+x ${directory}/*/main.js
      mount --bind ${directory} ${directory}; mount -o remount,ro,bind ${directory}
      PUBSUB_CACHE_DIR=${directory} ${pubsub} echo still`;
    const said = await inMountNamespace(script, {});
    assert.deepEqual(said, { code: 0, out: '["still"]', err: "" });
  });
});

test("a cache directory that cannot be one is told in one line", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    await Deno.writeTextFile(`${directory}/file`, "");
    const said = await run(pubsub, ["echo"], { PUBSUB_CACHE_DIR: `${directory}/file` });
    assert.equal(said.code, 1);
    assert.match(
      said.err,
      /^pubsub: no place to unpack itself .* set PUBSUB_CACHE_DIR to a writable directory \(.*: .*\)$/,
    );
  });
});

const root = unrestricted && Deno.build.os === "linux" && Deno.uid() === 0;

/** Every path below `directory`, itself included. */
async function below(directory: string): Promise<string[]> {
  const paths = [directory];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) paths.push(...await below(path));
    else paths.push(path);
  }
  return paths;
}

test("case 31: with umask 000 nothing that is unpacked can be written or replaced by others", async () => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const env = { PUBSUB_CACHE_DIR: `${directory}/cache` };
    const said = await run("sh", ["-c", `umask 000; ${pubsub} echo && ${pubsub} echo && umask`], env);
    assert.deepEqual(said, { code: 0, out: "[]\n[]\n0000", err: "" });
    const [key] = await namesIn(`${directory}/cache`);
    const closed = `${directory}/cache/${key}/cache`;
    assert.equal((await Deno.stat(closed)).mode! & 0o077, 0);
    for (const path of await below(`${directory}/cache`)) {
      if (path.startsWith(`${closed}/`)) continue;
      assert.equal((await Deno.stat(path)).mode! & 0o022, 0, path);
    }
  });
});

test("case 31: what has changed in any way is looked at by its content, and only that", async (t) => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const env = { PUBSUB_CACHE_DIR: directory };
    await run(pubsub, ["echo"], env);
    const [key] = await namesIn(directory);
    const program = `${directory}/${key}/main.js`;
    const { size, mtime, atime } = await Deno.stat(program);
    const planted = "console.log('planted');".padEnd(size);
    const changes: [string, () => Promise<void>][] = [
      ["written to at the same size, with the same times", async () => {
        await Deno.writeTextFile(program, planted);
        await Deno.utime(program, atime!, mtime!);
      }],
      ["another file in its place", async () => {
        await Deno.writeTextFile(`${program}.new`, planted);
        await Deno.rename(`${program}.new`, program);
      }],
      ["another program, and a seal that is older", async () => {
        await Deno.copyFile(`${directory}/${key}/seal`, `${directory}/seal`);
        await Deno.writeTextFile(program, planted);
        await Deno.rename(`${directory}/seal`, `${directory}/${key}/seal`);
      }],
    ];
    for (const [name, change] of changes) {
      await t.step(name, async () => {
        await change();
        const said = await run(pubsub, ["echo", "x"], env);
        assert.equal(said.out, '["x"]');
        assert.match(said.err, /^pubsub: the unpacked copy in .* was changed: unpacked again$/);
        assert.deepEqual(await run(pubsub, ["echo"], env), { code: 0, out: "[]", err: "" });
        assert.deepEqual(await namesIn(directory), [key]);
      });
    }
    await t.step(
      "what was copied elsewhere, or touched, has the same content: it is sealed again",
      async () => {
        const copy = `${directory}/copy`;
        assert.equal((await run("cp", ["-a", `${directory}/${key}`, `${directory}/.copy`])).code, 0);
        await Deno.mkdir(copy);
        await Deno.rename(`${directory}/.copy`, `${copy}/${key}`);
        const there = { PUBSUB_CACHE_DIR: copy };
        const { ino } = await Deno.stat(`${copy}/${key}`);
        assert.deepEqual(await run(pubsub, ["echo"], there), { code: 0, out: "[]", err: "" });
        assert.equal((await Deno.stat(`${copy}/${key}`)).ino, ino, "not unpacked again");
        // Without the tools that look at what it holds only a seal helps.
        await Deno.mkdir(`${directory}/bin`);
        await Deno.symlink("/usr/bin/stat", `${directory}/bin/stat`);
        const alone = { ...there, PATH: `${directory}/bin` };
        assert.deepEqual(await run(pubsub, ["echo"], alone), { code: 0, out: "[]", err: "" });
      },
    );
    await t.step("where it cannot be looked at it is unpacked again", async () => {
      await Deno.chmod(program, 0o640);
      await linkTools(`${directory}/tools`);
      const said = await run(pubsub, ["echo"], { ...env, PATH: `${directory}/tools` });
      assert.match(said.err, /^pubsub: the unpacked copy in .* was changed: unpacked again$/);
      assert.equal(said.out, "[]");
    });
  });
});

test("case 31: what others may have written is unpacked again, where they may write nothing is", async (t) => {
  const pubsub = await packedFixture();
  await inTempDir(async (directory) => {
    const base = `${directory}/cache`;
    const env = { PUBSUB_CACHE_DIR: base };
    await run(pubsub, ["echo"], env);
    const [key] = await namesIn(base);
    const at = (path: string) => `${base}/${key}${path}`;
    const doubts: [string, () => Promise<void>, RegExp][] = [
      ["a program open to everybody", () => Deno.chmod(at("/main.js"), 0o666), /open to everybody/],
      ["a directory open to its group", () => Deno.chmod(at("/node_modules"), 0o775), /open to its group/],
      ["a copy open to everybody", () => Deno.chmod(at(""), 0o777), /open to everybody/],
    ];
    if (root) {
      doubts.push(
        ["a runtime of another user", () => Deno.chown(at("/pubsub"), 12345, 12345), /open to uid 12345/],
        ["a copy of another user", () => Deno.chown(at(""), 12345, 12345), /open to uid 12345/],
      );
    }
    for (const [name, doubt, why] of doubts) {
      await t.step(name, async () => {
        await doubt();
        const said = await run(pubsub, ["echo", "x"], env);
        assert.equal(said.out, '["x"]');
        assert.match(said.err, /^pubsub: the unpacked copy in .*: unpacked again$/);
        assert.match(said.err, why);
        assert.equal((await run(pubsub, ["echo"], env)).err, "", "and believed then");
      });
    }
    for (const [mode, why] of [[0o777, "everybody"], [0o1777, "everybody"], [0o775, "its group"]] as const) {
      await t.step(
        `a place that is open to ${why} (${mode.toString(8)}) is refused, and not written to`,
        async () => {
          const other = `${directory}/other`;
          await Deno.mkdir(other);
          await Deno.writeTextFile(`${directory}/precious`, "precious");
          // Somebody expects the name of a file that is made there: by the ids of the next processes.
          const last = Number((await Deno.readTextFile("/proc/loadavg")).trim().split(" ").at(-1));
          for (let id = last; id < last + 1000; id++) {
            await Deno.symlink(`${directory}/precious`, `${other}/.write.${id}`);
          }
          await Deno.chmod(other, mode);
          const said = await run(pubsub, ["echo"], { PUBSUB_CACHE_DIR: other });
          assert.equal(said.code, 1);
          assert.ok(said.err.endsWith(`: open to ${why})`), said.err);
          assert.equal(await Deno.readTextFile(`${directory}/precious`), "precious");
          await Deno.remove(other, { recursive: true });
        },
      );
    }
    await t.step("and so is one below such a directory, unless only owners may rename there", async () => {
      await Deno.chmod(directory, 0o777);
      const said = await run(pubsub, ["echo"], env);
      assert.match(said.err, /below a directory that is open to everybody/);
      await Deno.chmod(directory, 0o1777);
      assert.equal((await run(pubsub, ["echo"], env)).code, 0);
    });
  });
});
