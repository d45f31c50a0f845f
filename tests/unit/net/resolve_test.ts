import assert from "node:assert/strict";
import { PubsubError } from "../../../lib/base/errors.ts";
import { DEADLINE_MS, Resolver } from "../../../lib/net/resolve.ts";

/** A system whose look-ups end when they are told to. */
class FakeSystem {
  now = 0;
  readonly asked: string[] = [];
  readonly #under = new Map<string, PromiseWithResolvers<string[]>>();
  readonly resolver: Resolver = new Resolver((host) => {
    this.asked.push(host);
    const answer = Promise.withResolvers<string[]>();
    this.#under.set(host, answer);
    return answer.promise;
  }, () => this.now);

  answer(host: string, ...addresses: string[]): void {
    this.#under.get(host)!.resolve(addresses);
  }
  fail(host: string, code: string): void {
    this.#under.get(host)!.reject(Object.assign(new Error(`getaddrinfo ${code}`), { code }));
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("an address is itself and asks nobody", async () => {
  const system = new FakeSystem();
  assert.deepEqual(await system.resolver.resolve("10.0.0.1"), ["10.0.0.1"]);
  assert.deepEqual(await system.resolver.resolve("[::1]"), ["::1"]);
  assert.deepEqual(await system.resolver.resolve("fe80::1%eth0"), ["fe80::1%eth0"]);
  assert.deepEqual(system.asked, []);
});

Deno.test("a name is looked up once however many ask, and serves for a while", async () => {
  const system = new FakeSystem();
  const asking = [1, 2, 3].map(() => system.resolver.resolve("h"));
  system.answer("h", "::7", "10.0.0.7", "::7");
  for (const answer of await Promise.all(asking)) assert.deepEqual(answer, ["10.0.0.7", "::7"]);
  system.now = 4999;
  assert.deepEqual(await system.resolver.resolve("h"), ["10.0.0.7", "::7"]);
  assert.deepEqual(system.asked, ["h"]);
  system.now = 5000;
  const again = system.resolver.resolve("h");
  system.answer("h", "10.0.0.8");
  assert.deepEqual(await again, ["10.0.0.8"]);
});

Deno.test("a silent name server costs the one who asks the deadline, and no further thread", async () => {
  const system = new FakeSystem();
  const first = system.resolver.resolve("dead");
  system.now = DEADLINE_MS; // For the next one the time is over already.
  await assert.rejects(
    system.resolver.resolve("dead"),
    /^PubsubError|host dead: the name server does not answer/,
  );
  assert.deepEqual(system.asked, ["dead"]);
  system.fail("dead", "EAI_AGAIN");
  await assert.rejects(first, /No address for host dead: the name server does not answer/);
});

Deno.test("while a name server is silent the last answer serves", async () => {
  const system = new FakeSystem();
  const first = system.resolver.resolve("h");
  system.answer("h", "10.0.0.7");
  await first;
  system.now = 60_000;
  const later = system.resolver.resolve("h");
  system.fail("h", "EAI_AGAIN");
  assert.deepEqual(await later, ["10.0.0.7"]);
});

Deno.test("a host that is not there any more is told, and forgotten", async () => {
  const system = new FakeSystem();
  const first = system.resolver.resolve("h");
  system.answer("h", "10.0.0.7");
  await first;
  system.now = 60_000;
  for (let i = 0; i < 2; i++) {
    const later = system.resolver.resolve("h");
    system.fail("h", "ENOTFOUND");
    await assert.rejects(later, (error: unknown) => {
      assert.ok(error instanceof PubsubError);
      assert.equal(error.message, "No address for host h: no such host");
      return true;
    });
  }
});

Deno.test("eight at a time; of those that were silent before four, so that others get their turn", async () => {
  const system = new FakeSystem();
  const names = Array.from({ length: 12 }, (_, i) => `dead${i}`);
  const ended: Promise<unknown>[] = names.map((name) => system.resolver.resolve(name).catch(() => {}));
  await settle();
  assert.equal(system.asked.length, 8);
  for (const name of names) {
    system.fail(name, "EAI_AGAIN");
    await settle();
  }
  await Promise.all(ended);
  assert.equal(system.asked.length, 12);
  system.asked.length = 0;
  const again = names.map((name) => system.resolver.resolve(name).catch(() => {}));
  const good = system.resolver.resolve("good");
  await settle();
  assert.deepEqual(system.asked, ["dead0", "dead1", "dead2", "dead3", "good"]);
  system.answer("good", "10.0.0.1");
  assert.deepEqual(await good, ["10.0.0.1"]);
  for (const name of names) {
    system.fail(name, "EAI_AGAIN");
    await settle();
  }
  await Promise.all(again);
});

Deno.test("who no longer wants an answer gets away at once, and what has not begun is not begun", async () => {
  const system = new FakeSystem();
  const leaving = new AbortController();
  const names = Array.from({ length: 9 }, (_, i) => `h${i}`);
  const asking = names.map((name) => system.resolver.resolve(name, leaving.signal));
  leaving.abort(new Error("leaving"));
  for (const one of asking) await assert.rejects(one, /leaving/);
  for (const name of names.slice(0, 8)) system.answer(name, "10.0.0.1");
  await settle();
  assert.equal(system.asked.length, 8);
});
