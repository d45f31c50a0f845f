/** Connections of a simulated network: in order, held by cuts, told of ends. */
import assert from "node:assert/strict";
import { inTask } from "../../simulation/machine.ts";
import { type End, Network } from "../../simulation/network.ts";
import { type Process, World } from "../../simulation/world.ts";

interface Two {
  world: World;
  network: Network;
  a: Process;
  b: Process;
  /** a's end, which connected to b. */
  end: End<string>;
  said: string[];
}

function connected(body: (two: Two) => void, seed = 1): Promise<void> {
  return inTask(() => {
    const world = new World(seed);
    const network = new Network(world);
    const said: string[] = [];
    const receiver = (name: string) => ({
      received: (item: string) => void said.push(`${name} ${item}`),
      ended: () => void said.push(`${name} ended`),
    });
    const [a, b] = [world.spawn("a", () => {}), world.spawn("b", () => {})];
    const port = network.listen<string>(0, {
      process: b,
      accept: (end) => {
        end.send("welcome");
        return receiver("b");
      },
    });
    let ours: End<string> | undefined;
    network.connect<string>(a, `${b.host}:${port}`, (end) => {
      ours = end;
      end!.receiver = receiver("a");
    });
    world.runUntil(100);
    body({ world, network, a, b, end: ours!, said });
  });
}

Deno.test("what is sent arrives in its order, however late some of it is", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    await connected(({ world, end, said }) => {
      for (let index = 0; index < 500; index++) {
        world.after(index / 100, undefined, () => end.send(String(index)));
      }
      world.runUntil(5000);
      const numbers = said.filter((line) => line.startsWith("b ")).map((line) => Number(line.slice(2)));
      assert.deepEqual(numbers, Array.from({ length: 500 }, (_, index) => index));
      assert.equal(said[0], "a welcome");
    }, seed);
  }
});

Deno.test("a cut of one direction holds what goes that way, and nothing else, until it is healed", async () => {
  await connected(({ world, network, a, b, end, said }) => {
    network.cut(a, b);
    end.send("held");
    end.peer.send("through");
    world.runUntil(1000);
    assert.deepEqual(said, ["a welcome", "a through"]);
    network.heal(a, b);
    end.send("after it");
    world.runUntil(2000);
    assert.deepEqual(said.slice(2), ["b held", "b after it"]);
  });
});

Deno.test("a stopped process takes nothing until it goes on", async () => {
  await connected(({ world, network, b, end, said }) => {
    world.stop(b);
    network.changed();
    end.send("held");
    world.runUntil(1000);
    assert.equal(end.held, 1);
    world.resume(b);
    network.changed();
    world.runUntil(2000);
    assert.deepEqual(said.slice(1), ["b held"]);
  });
});

Deno.test("the peer of who is killed is told, unless its host is gone, too", async () => {
  for (const silent of [false, true]) {
    await connected(({ world, b, said }) => {
      world.kill(b, silent);
      world.runUntil(5000);
      assert.deepEqual(said.slice(1), silent ? [] : ["a ended"]);
    });
  }
});

Deno.test("who closes is heard to the end, and nobody is connected where nobody listens", async () => {
  await connected(({ world, network, a, b, end, said }) => {
    end.send("last");
    end.close();
    end.send("too late");
    world.runUntil(1000);
    assert.deepEqual(said.slice(1), ["b last", "b ended"]);
    const made: unknown[] = [];
    network.connect(a, `${b.host}:1`, (end) => made.push(end));
    network.connect(a, "10.9.9.9:1", (end) => made.push(end));
    network.connect(a, `${b.host}:1`, (end) => made.push(end)).cancel();
    world.runUntil(2000);
    assert.deepEqual(made, [undefined, undefined]);
  });
});
