import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../lib/base/errors.ts";
import {
  checkId,
  checkTopic,
  checkZone,
  isId,
  isTopic,
  randomId,
  randomIncarnation,
} from "../../../lib/base/names.ts";

Deno.test("an id is 1 to 64 letters, digits, dots, dashes and underscores", () => {
  for (const id of ["a", "A-1_b.c", "...", "x".repeat(64)]) assert.equal(checkId(id), id);
  for (const id of ["", ".", "..", "a b", "a/b", "ä", "a\0", "a\n", "x".repeat(65)]) {
    assert.throws(() => checkId(id), UsageError, JSON.stringify(id));
    assert.equal(isId(id), false);
  }
});

Deno.test("a topic is 1 to 255 bytes of UTF-8 without NUL", () => {
  for (const topic of ["A", ".", "a/b c", "\ufeffA", "ü".repeat(127), "€".repeat(85), "😀".repeat(63)]) {
    assert.equal(checkTopic(topic), topic);
  }
  const bad = ["", "\0", "a\0b", "ü".repeat(128), "€".repeat(86), "a".repeat(256), "\ud800", "a\udc00"];
  for (const topic of bad) assert.throws(() => checkTopic(topic), UsageError, JSON.stringify(topic));
});

Deno.test("what is a topic is decided by its bytes", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (topic) => {
    const { length } = new TextEncoder().encode(topic);
    assert.equal(
      isTopic(topic),
      length >= 1 && length <= 255 && !topic.includes("\0") && topic.isWellFormed(),
    );
  }));
});

Deno.test("what is wrong with a name is said on one line of bounded length", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (text) => {
    for (const check of [checkId, checkTopic]) {
      try {
        check(text);
      } catch (error) {
        assert.ok(error instanceof UsageError);
        assert.ok(!/[\r\n\0]/.test(error.message));
      }
    }
  }));
  assert.ok(
    (() => {
      try {
        checkTopic("x".repeat(1_000_000));
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    })().length < 200,
  );
});

Deno.test("a zone is a positive integer", () => {
  for (const zone of [1, 7, Number.MAX_SAFE_INTEGER]) assert.equal(checkZone(zone), zone);
  for (const zone of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) assert.throws(() => checkZone(zone), UsageError);
});

Deno.test("random ids are ids, and differ; incarnations are u32 above 0", () => {
  const ids = new Set(Array.from({ length: 200 }, () => checkId(randomId("pub"))));
  assert.equal(ids.size, 200);
  for (let i = 0; i < 200; i++) {
    const incarnation = randomIncarnation();
    assert.ok(Number.isInteger(incarnation) && incarnation > 0 && incarnation < 2 ** 32);
  }
});
