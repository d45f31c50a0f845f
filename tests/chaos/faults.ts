/** What can go wrong. Each fault happens, is undone, and resolves. */
import type { Random } from "./random.ts";
import type { Actor, Kind, World } from "./world.ts";

/** A fault: a name, and what it does. Undone when it resolves. */
export interface Fault {
  readonly name: string;
  run(world: World, random: Random): Promise<void>;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function victim(world: World, random: Random, ...kinds: Kind[]): Actor | undefined {
  const candidates = kinds.flatMap((kind) => world.healthy(kind));
  return candidates.length > 0 ? random.pick(candidates) : undefined;
}

/** End an actor and start one like it some time later. */
async function replace(
  world: World,
  actor: Actor,
  signal: "SIGKILL" | "SIGINT",
  pauseMs: number,
): Promise<void> {
  if (actor.kind === "publisher") world.ledger.killed(actor.name, Date.now());
  actor.signal(signal);
  const status = await actor.ended(20_000);
  if (signal === "SIGINT" && status.code !== 0 && !actor.mayFail) {
    const said = actor.stderr.slice(-5).join(" | ");
    world.ledger.violations.push({
      time: Date.now(),
      what: `${actor.name} left with ${status.code}: ${said}`,
    });
  }
  await actor.close();
  await sleep(pauseMs);
  await actor.start();
}

function killing(kind: Kind, signal: "SIGKILL" | "SIGINT"): Fault {
  return {
    name: `${signal} ${kind}`,
    async run(world, random) {
      const actor = victim(world, random, kind);
      const pause = random.between(500, 3000);
      if (actor) await replace(world, actor, signal, pause);
    },
  };
}

function stopping(kind: Kind, name: string, low: number, high: number): Fault {
  return {
    name: `SIGSTOP ${kind} ${name}`,
    async run(world, random) {
      const actor = victim(world, random, kind);
      const duration = random.between(low, high);
      if (!actor) return;
      actor.signal("SIGSTOP");
      await sleep(duration);
      actor.signal("SIGCONT");
    },
  };
}

/** Something done to connections: of one process to ZooKeeper, or of others to one process. */
function network(which: "zookeeper" | "data", how: "cut" | "hold" | "delay"): Fault {
  return {
    name: `${how} ${which}`,
    async run(world, random) {
      const kinds: Kind[] = which === "data"
        ? ["broker", "publisher"]
        : ["broker", "publisher", "subscriber"];
      const actor = victim(world, random, ...kinds);
      const duration = random.between(200, which === "data" ? 2000 : 4000);
      const delay = random.between(5, 50);
      if (!actor) return;
      const proxies = which === "data" ? actor.proxies : [actor.zookeeper];
      for (const proxy of proxies) {
        if (how === "cut") proxy.cut();
        else if (how === "hold") proxy.hold();
        else proxy.delayMs.up = proxy.delayMs.down = delay;
      }
      if (how === "cut") return;
      await sleep(duration);
      for (const proxy of proxies) {
        proxy.release();
        proxy.delayMs.up = proxy.delayMs.down = 0;
      }
    },
  };
}

const zookeeperRestart: Fault = {
  name: "ZooKeeper restart",
  async run(world, random) {
    const pause = random.between(0, 1500);
    await world.coordinator.kill();
    await sleep(pause);
    await world.coordinator.restart();
  },
};

/** Every fault; the likely ones stand more than once. */
export const FAULTS: readonly Fault[] = [
  killing("broker", "SIGKILL"),
  killing("broker", "SIGKILL"),
  killing("broker", "SIGINT"),
  killing("publisher", "SIGKILL"),
  killing("subscriber", "SIGKILL"),
  killing("subscriber", "SIGINT"),
  stopping("broker", "within its session", 300, 1500),
  stopping("broker", "past its session", 2500, 4000),
  stopping("publisher", "within its session", 300, 1500),
  stopping("publisher", "past its session", 2500, 4000),
  stopping("subscriber", "within its session", 300, 1500),
  stopping("subscriber", "past its session", 2500, 4000),
  network("data", "cut"),
  network("data", "hold"),
  network("data", "delay"),
  network("zookeeper", "cut"),
  network("zookeeper", "hold"),
  zookeeperRestart,
];
