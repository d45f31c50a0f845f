/**
 * What can go wrong. A fault happens, is undone, and resolves; when it cannot be undone it rejects, saying what is
 * wrong. Which slot it concerns and how long it lasts is chosen beforehand, so that a seed always means the same.
 */
import type { Actor, Kind } from "./actor.ts";
import { endsWell } from "./owed.ts";
import { StaleLeader } from "./stale_leader.ts";
import { MAX_IN_FLIGHT, SESSION_MS, type Slot, type World } from "./world.ts";

/** One kind of fault. */
export interface Fault {
  readonly name: string;
  /** Whose slots it may concern; nobody's: everybody's. */
  readonly kinds: readonly Kind[];
  /** How long it may last, milliseconds. */
  readonly lasts: readonly [low: number, high: number];
  /** Nothing else may happen at the same time, as it measures something. */
  readonly alone?: boolean;
  /** Only where there are several ZooKeeper servers, or only where there is one. */
  readonly servers?: "one" | "several";
  run(world: World, slot: Slot, ms: number): Promise<void>;
}

const EVERYBODY: readonly Kind[] = ["broker", "publisher", "subscriber"];
const PAST_SESSION: readonly [number, number] = [SESSION_MS + 500, SESSION_MS + 3000];
const WITHIN_SESSION: readonly [number, number] = [300, SESSION_MS - 1200];
const LEAVE_MS = 30_000;
/** What the pipes between a publisher's source and the ledger hold, in long samples, and what is in flight. */
const BETWEEN = 500 + MAX_IN_FLIGHT;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function ending(kind: Kind, signal: "SIGKILL" | "SIGINT"): Fault {
  return {
    name: `${signal} ${kind}`,
    kinds: [kind],
    lasts: [0, 3000],
    async run(world, slot, ms) {
      const { actor } = slot;
      await actor.becomesReady();
      if (kind === "publisher") world.ledger.killed(actor.name, Date.now());
      actor.signal(signal);
      const status = await actor.ended(LEAVE_MS);
      if (signal === "SIGINT" && !endsWell(world, actor, status.code) && !actor.mayFail) {
        world.broken(`${actor.name} left with ${status.code}: ${actor.lastWords}`);
      }
      await actor.close();
      await sleep(ms);
      await slot.refill().becomesReady();
    },
  };
}

function stopping(kind: Kind, name: string, lasts: readonly [number, number]): Fault {
  return {
    name: `SIGSTOP ${kind} ${name} its session`,
    kinds: [kind],
    lasts,
    async run(world, { actor }, ms) {
      await actor.becomesReady();
      const leader = StaleLeader.against(world, actor);
      actor.signal("SIGSTOP");
      await sleep(ms);
      actor.signal("SIGCONT");
      await leader?.judge();
    },
  };
}

/** Something done to connections: of one process to ZooKeeper, or of others to one process. */
function network(which: "zookeeper" | "data", how: "cut" | "hold" | "delay"): Fault {
  return {
    name: `${how} ${which}`,
    kinds: which === "data" ? ["broker", "publisher"] : EVERYBODY,
    lasts: how === "cut" ? [0, 0] : [200, which === "data" ? 2000 : SESSION_MS + 2000],
    async run(world, { actor }, ms) {
      await actor.becomesReady();
      const leader = which === "zookeeper" && how === "hold" ? StaleLeader.against(world, actor) : undefined;
      const proxies = which === "data" ? actor.proxies : actor.zookeeper;
      const delay = 5 + ms % 45;
      for (const proxy of proxies) {
        if (how === "cut") proxy.cut();
        else if (how === "hold") proxy.hold();
        else proxy.delayMs.up = proxy.delayMs.down = delay;
      }
      if (how === "cut") return;
      await sleep(ms);
      for (const proxy of proxies) {
        proxy.release();
        proxy.delayMs.up = proxy.delayMs.down = 0;
      }
      await leader?.judge();
    },
  };
}

/** Cut off from everybody, past its session: what it comes back with is stale. */
function isolated(kind: Kind): Fault {
  return {
    name: `isolated ${kind}`,
    kinds: [kind],
    lasts: PAST_SESSION,
    async run(world, { actor }, ms) {
      await actor.becomesReady();
      const leader = StaleLeader.against(world, actor);
      const proxies = [...actor.proxies, ...actor.zookeeper];
      for (const proxy of proxies) proxy.hold();
      await sleep(ms);
      for (const proxy of proxies) proxy.release();
      await leader?.judge();
    },
  };
}

function zookeeper(name: string, servers: "one" | "several"): Fault {
  return {
    name,
    kinds: [],
    lasts: [0, SESSION_MS],
    servers,
    run: ({ servers }, _slot, ms) => servers.bounce(Math.floor(ms), ms),
  };
}

/**
 * Nobody reads a subscriber's standard output for a while: what its publishers go on to publish meanwhile is bounded
 * by the flow control, and other subscribers' pipes; what is acknowledged has been taken by the user.
 */
const readerPauses: Fault = {
  name: "reader of a subscriber pauses",
  kinds: ["subscriber"],
  // Less than a subscriber may stand still before it is no longer waited for.
  lasts: [4300, 4600],
  alone: true,
  async run(world, slot, ms) {
    const { actor } = slot;
    await actor.becomesReady();
    actor.pauseReading();
    await sleep(ms);
    if (slot.topic === "S") { for (const { actor: publisher } of world.of("publisher")) check(publisher); }
    actor.resumeReading();

    function check({ name, stderr }: Actor) {
      const ahead = world.ledger.given(name) - world.ledger.reached(actor.name, name);
      const dropped = stderr.some((line) => line.includes(`${actor.name} `) && line.includes("stands still"));
      if (!name.startsWith("pub-S-") || dropped || world.ledger.reached(actor.name, name) === 0) return;
      if (ahead > BETWEEN) {
        world.broken(`${name} is ${ahead} samples ahead of ${actor.name}, which is not read`);
      }
    }
  },
};

/** Every fault; the likely ones stand more than once. */
export const FAULTS: readonly Fault[] = [
  ending("broker", "SIGKILL"),
  ending("broker", "SIGKILL"),
  ending("broker", "SIGINT"),
  ending("publisher", "SIGKILL"),
  ending("subscriber", "SIGKILL"),
  ending("subscriber", "SIGINT"),
  stopping("broker", "within", WITHIN_SESSION),
  stopping("broker", "past", PAST_SESSION),
  stopping("publisher", "within", WITHIN_SESSION),
  stopping("publisher", "past", PAST_SESSION),
  stopping("subscriber", "within", WITHIN_SESSION),
  stopping("subscriber", "past", PAST_SESSION),
  network("data", "cut"),
  network("data", "hold"),
  network("data", "delay"),
  network("zookeeper", "cut"),
  network("zookeeper", "hold"),
  isolated("broker"),
  isolated("publisher"),
  zookeeper("ZooKeeper restarted", "one"),
  zookeeper("ZooKeeper member killed", "several"),
  readerPauses,
];
