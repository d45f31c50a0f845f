import assert from "node:assert/strict";
import fc from "fast-check";
import { Route, type RouteLink } from "../../../lib/stream/route.ts";

const PATIENCE_MS = 300;

/** Links that go up and down as told; those that the route no longer needs are closed. */
class Links {
  readonly all = new Map<string, RouteLink & { up: boolean; lost: boolean }>();
  readonly route = new Route(this, PATIENCE_MS);
  now = 0;

  known(endpoint: string) {
    return this.all.get(endpoint);
  }

  get(endpoint: string) {
    return this.all.getOrInsertComputed(
      endpoint,
      () => ({ endpoint, up: false, lost: false, startedAt: this.now, heardAt: 0 }),
    );
  }

  up(endpoint: string) {
    const link = this.all.get(endpoint)!;
    Object.assign(link, { up: true, lost: false });
    if (this.route.concerns(link)) this.choose();
  }

  down(endpoint: string) {
    const link = this.all.get(endpoint)!;
    if (link.up) Object.assign(link, { up: false, lost: true });
    this.choose();
  }

  choose() {
    this.route.choose(this.now);
    const used = new Set(this.route.links.map(({ endpoint }) => endpoint));
    for (const endpoint of this.all.keys()) if (!used.has(endpoint)) this.all.delete(endpoint);
  }

  lead(...endpoints: string[]) {
    this.route.lead(endpoints);
    this.choose();
  }

  get view() {
    return this.route.links.map(({ endpoint }) => endpoint).join();
  }
}

Deno.test("one link is active and one more is warm; the streams move to it when the active one is lost", () => {
  const links = new Links();
  links.lead("a", "b", "c");
  assert.equal(links.view, "a,b");
  links.up("a");
  links.up("b");
  links.down("a");
  assert.equal(links.route.active?.endpoint, "b");
  assert.equal(links.view, "b,c", "the one that was just lost is the last choice");
});

Deno.test("while nothing is up every broker is tried, and the first that answers is taken", () => {
  const links = new Links();
  links.lead("a", "b", "c");
  links.up("a");
  links.down("a");
  assert.equal(links.view, "a,b,c");
  links.up("c");
  assert.equal(links.route.active?.endpoint, "c");
  assert.equal(links.route.links.length, 2);
});

Deno.test("a broker that does not take our connection in time is not waited for", () => {
  const links = new Links();
  links.lead("a", "b");
  links.up("b");
  assert.equal(links.route.active?.endpoint, "a");
  links.now = PATIENCE_MS + 1;
  links.choose();
  assert.equal(links.route.active?.endpoint, "b");
});

Deno.test("sent to another broker, the streams move as soon as that one is connected, however long it takes", () => {
  const links = new Links();
  links.lead("a", "b");
  links.up("a");
  links.lead("c", "a", "b");
  assert.equal(links.route.active?.endpoint, "a");
  links.now = PATIENCE_MS + 1;
  links.choose();
  assert.equal(links.route.active?.endpoint, "a");
  links.up("c");
  assert.equal(links.route.active?.endpoint, "c");
});

Deno.test("whatever goes up and down: the active link is up when any is, and no other is kept without need", () => {
  const endpoints = ["a", "b", "c", "d"];
  const step = fc.oneof(
    fc.record({ do: fc.constant("up" as const), whom: fc.nat(3) }),
    fc.record({ do: fc.constant("down" as const), whom: fc.nat(3) }),
    fc.record({ do: fc.constant("wait" as const), whom: fc.nat(400) }),
    fc.record({ do: fc.constant("lead" as const), whom: fc.nat(3) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const links = new Links();
    links.lead(...endpoints);
    for (const { do: what, whom } of steps) {
      const endpoint = endpoints[whom % 4]!;
      if (what === "wait") links.now += whom;
      else if (what === "lead") links.lead(endpoint, ...endpoints.filter((one) => one !== endpoint));
      else if (links.all.has(endpoint)) links[what](endpoint);
      links.choose();
      const { active } = links.route;
      const anyUp = [...links.all.values()].some(({ up }) => up);
      const patient = active!.up || (!active!.lost && links.now - active!.startedAt <= PATIENCE_MS);
      assert.ok(active!.up || !anyUp || patient, "it does not stay with a dead one");
      if (active!.up) assert.ok(links.route.links.length <= 3, "active, warm, and perhaps a destination");
    }
  }));
});
