import assert from "node:assert/strict";
import fc from "fast-check";
import { QUIET, Simulation } from "./simulated_network.ts";
import { SimulatedPublisher, SimulatedSubscriber, type World } from "./simulated_parties.ts";

/** How thoroughly: many more runs with DELIVERY_RUNS set. */
const granted = Deno.permissions.querySync({ name: "env", variable: "DELIVERY_RUNS" }).state === "granted";
const RUNS = Number((granted && Deno.env.get("DELIVERY_RUNS")) || 150);

const which = fc.nat(7);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      which,
      count: fc.integer({ min: 1, max: 60 }),
      packing: fc.integer({ min: 1, max: 10 }),
      size: fc.oneof({ weight: 9, arbitrary: fc.constant(20) }, { weight: 1, arbitrary: fc.constant(9000) }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 120 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("weather" as const),
      lossDown: fc.constantFrom(0, 0, 0.05, 0.3, 0.9),
      lossUp: fc.constantFrom(0, 0, 0.05, 0.3, 0.9),
      repeat: fc.constantFrom(0, 0, 0.2),
      latency: fc.constantFrom(1, 5, 30, 200),
      overtaking: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("cut" as const),
      which,
      other: fc.boolean(),
      noticed: fc.constantFrom(0, 0, 50, 300),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("restore" as const), which, other: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("switch" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reborn" as const), which, requested: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), which, whom: which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("own" as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("take" as const), which, taking: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("join" as const), requested: fc.nat(40) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const setting = fc.record({
  seed: fc.integer(),
  publishers: fc.integer({ min: 1, max: 2 }),
  shared: fc.boolean(),
  flow: fc.constantFrom("wait" as const, "drop" as const),
  maxInFlight: fc.constantFrom(1, 2, 10, 100, 100_000),
  offered: fc.constantFrom(0, 1, 5, 40),
  repairSamples: fc.constantFrom(1, 50, undefined),
  unreliable: fc.boolean(),
  room: fc.constantFrom(1000, 10_000, undefined, undefined),
});
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

const MOST_SUBSCRIBERS = 4;

class Model {
  readonly world: World;
  #epoch = 1n;

  constructor(readonly setting: Setting) {
    this.world = {
      simulation: new Simulation(setting.seed),
      weather: QUIET,
      publishers: [],
      subscribers: [],
      flow: setting.flow,
      maxInFlight: setting.maxInFlight,
      offered: setting.offered,
      repairSamples: setting.repairSamples,
      shared: setting.shared,
      room: setting.room,
      incarnations: 0,
    };
    for (let i = 0; i < setting.publishers; i++) {
      this.world.publishers.push(new SimulatedPublisher(this.world, i === 0 ? "p" : "pp"));
    }
    this.own(0);
    this.join(setting.offered, false);
  }

  join(requested: number, unreliable: boolean, at = this.world.subscribers.length): void {
    const { world } = this;
    if (at >= MOST_SUBSCRIBERS) return;
    // Ids that begin with one another: no key of one may match the other.
    const subscriber = new SimulatedSubscriber(
      world,
      "s".repeat(at + 1),
      Math.min(requested, world.offered),
      {
        reliable: !unreliable,
      },
    );
    world.subscribers[at] = subscriber;
    for (const connection of subscriber.connections) connection.restore();
    for (const publisher of world.publishers) subscriber.follow(publisher);
  }

  own(which: number): void {
    const { publishers } = this.world;
    for (const publisher of publishers) publisher.owner = false;
    publishers[which % publishers.length]!.own(this.#epoch++);
  }

  take(step: Step): void {
    const { world } = this;
    const { publishers, subscribers, simulation } = world;
    switch (step.do) {
      case "publish": {
        // A publisher that has lost the topic and has not noticed publishes, too: that is what the fence is for.
        publishers[step.which % publishers.length]!.publish(step.count, step.packing, step.size);
        return;
      }
      case "pass":
        return simulation.advance(step.ms);
      case "weather": {
        const { do: _, ...weather } = step;
        world.weather = weather;
        return;
      }
      case "cut":
        return subscribers[step.which % subscribers.length]!.connections[step.other ? 1 : 0]!.cut(
          step.noticed,
        );
      case "restore":
        return subscribers[step.which % subscribers.length]!.connections[step.other ? 1 : 0]!.restore();
      case "switch":
        return subscribers[step.which % subscribers.length]!.switchOver();
      case "restart": {
        const publisher = publishers[step.which % publishers.length]!;
        publisher.restart();
        for (const subscriber of subscribers) {
          simulation.after(simulation.between(0, 100), () => subscriber.follow(publisher));
        }
        return;
      }
      case "reborn": {
        // Another process with the id of one that died; the publishers may still wait for the dead one.
        const at = step.which % subscribers.length;
        subscribers[at]!.die();
        return this.join(step.requested, !subscribers[at]!.reliable, at);
      }
      case "forget":
        // For a moment the publisher was told that the subscriber's record is gone.
        return publishers[step.which % publishers.length]!.missRecord(
          subscribers[step.whom % subscribers.length]!.id,
        );
      case "own":
        return this.own(step.which);
      case "take":
        return subscribers[step.which % subscribers.length]!.setTaking(step.taking);
      case "join":
        return this.join(step.requested, this.setting.unreliable);
    }
  }

  /** All obstacles go, and everything that can be delivered is. */
  calm(): void {
    const { world } = this;
    world.weather = QUIET;
    for (const subscriber of world.subscribers) {
      for (const connection of subscriber.connections) connection.restore();
      subscriber.setTaking(true);
    }
    world.simulation.advance(8000);
    // As a publisher asks for it at its end: who has got nothing since has told nothing.
    for (const { followings } of world.subscribers) {
      for (const following of followings) following.repeatAcknowledgement();
    }
    world.simulation.advance(1000);
    for (const subscriber of world.subscribers) {
      for (const publisher of world.publishers) {
        const following = subscriber.followingOf(publisher);
        assert.ok(following, "follows the publisher's newest life");
        const { next, fencedUpTo } = following.stream;
        assert.equal(Math.max(next - 1, fencedUpTo), publisher.book.last, "everything is accounted for");
        assert.ok(following.stream.complete);
        assert.equal(subscriber.waiting, 0);
        assert.equal(following.delivered, next - 1, "what is fenced is not acknowledged");
        const { flow, last } = publisher.stream;
        const known = flow.has(subscriber.id);
        if (
          known && subscriber.reliable && world.flow === "wait" && !publisher.forgotten.has(subscriber.id)
        ) {
          const lacks = flow.missing(last).findLast((lack) => lack.subscriber === subscriber.id);
          const { givenUp } = following.stream;
          assert.equal(lacks?.givenUp ?? 0, givenUp, "the publisher knows what was given up");
        }
        assert.ok(known || publisher.forgotten.has(subscriber.id));
        assert.equal(publisher.stream.full, false);
      }
      subscriber.check();
    }
  }

  /** Nothing changes: nobody asks for anything. */
  rest(): void {
    const before = this.world.subscribers.map(({ requests }) => requests);
    this.world.simulation.advance(20_000);
    assert.deepEqual(this.world.subscribers.map(({ requests }) => requests), before, "requests at rest");
  }

  /** Once more, now that all is well: everything arrives live and nothing is lost. */
  goOn(): void {
    const { world } = this;
    const publisher = world.publishers[0]!;
    // What is fenced can be had again, or is lost by now.
    this.own(0);
    publisher.publish(1, 1, 20);
    world.simulation.advance(2000);
    const lost = world.subscribers.map((one) => one.followingOf(publisher)!.stream.counters.lost);
    for (let i = 0; i < 10; i++) {
      publisher.publish(5, 2, 20);
      world.simulation.advance(300);
    }
    world.simulation.advance(2000);
    for (const [i, subscriber] of world.subscribers.entries()) {
      const { stream } = subscriber.followingOf(publisher)!;
      assert.equal(stream.next, publisher.book.last + 1);
      if (subscriber.reliable && this.world.flow === "wait") {
        assert.ok(publisher.stream.flow.has(subscriber.id), "waited for (again)");
        assert.equal(publisher.stream.flow.behind(publisher.book.last).length, 0);
      }
      const mayLose = this.world.room !== undefined && !(subscriber.reliable && this.world.flow === "wait");
      if (!mayLose) assert.equal(stream.counters.lost, lost[i]);
      subscriber.check();
    }
  }
}

Deno.test("every sample once, in order, or accounted for, whatever the network does", () => {
  fc.assert(
    fc.property(setting, fc.array(step, { minLength: 5, maxLength: 60, size: "max" }), (setting, steps) => {
      const model = new Model(setting);
      for (const one of steps) model.take(one);
      model.calm();
      model.rest();
      model.goOn();
    }),
    { numRuns: RUNS },
  );
});
