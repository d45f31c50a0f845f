import assert from "node:assert/strict";
import { fillLauncher } from "../../../scripts/build/pack.ts";
import { chooseAddon } from "../../../scripts/build/stage.ts";
import { rootCause, targetOf } from "../../../scripts/build/targets.ts";

Deno.test("the launcher's offset is the first byte behind it, whatever is filled in", () => {
  for (const value of ["", "$&", "@", "ö".repeat(50)]) {
    const launcher = fillLauncher("offset='@OFFSET@' x='@NAME@'\n", { NAME: value });
    const offset = /offset='(\d+)'/.exec(new TextDecoder().decode(launcher))?.[1];
    assert.equal(Number(offset), launcher.length + 1);
    assert.ok(new TextDecoder().decode(launcher).endsWith(`x='${value}'\n`));
  }
});

Deno.test("a blank of the launcher that nobody fills in stops the build", () => {
  assert.throws(() => fillLauncher("@OFFSET@ @KEY@", {}), /@KEY@/);
});

Deno.test("the native library is the one zeromq's loader would choose: this machine's highest ABI", () => {
  const key = (os: string, arch: string, libc: string, abi: number) =>
    JSON.stringify({ os, arch, libc, abi });
  const manifest = {
    [key("linux", "x64", "glibc", 115)]: "old",
    [key("linux", "x64", "musl", 147)]: "musl",
    [key("linux", "x64", "glibc", 127)]: "new",
    [key("linux", "arm64", "glibc", 127)]: "arm",
    [key("darwin", "x64", "libc", 140)]: "mac",
  };
  assert.equal(chooseAddon(manifest, targetOf("x86_64-unknown-linux-gnu")).path, "new");
  assert.equal(chooseAddon(manifest, targetOf("aarch64-unknown-linux-gnu")).path, "arm");
  assert.throws(() => chooseAddon(manifest, targetOf("aarch64-apple-darwin")), /no prebuilt library/);
});

Deno.test("a target nobody knows is refused with the list of those that are known", () => {
  assert.throws(() => targetOf("riscv64-unknown-linux-gnu"), /x86_64-unknown-linux-gnu, aarch64/);
});

Deno.test("of what a tool says, the innermost cause is told, or its first lines", () => {
  const compile =
    "error: Writing the executable\n\nCaused by:\n    0: no base\n    1: name not known\n\nStack backtrace:\n 0: x\n";
  assert.equal(rootCause(compile), "name not known");
  assert.equal(
    rootCause("error: Module not found\n    at file:///x.ts:3:51\nerror: bundling failed\n"),
    "Module not found at file:///x.ts:3:51",
  );
  assert.equal(rootCause(""), "it said nothing");
});
