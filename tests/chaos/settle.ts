/** The end of a run: what must be true once everything is quiet, and once everybody has left. */
import { loadOf, parseLoad } from "../../lib/model/load.ts";
import { LOAD, PRIMARIES, PUBLISHERS, SUBSCRIBERS } from "../../lib/model/paths.ts";
import { ZooKeeper } from "../../lib/zk/zookeeper.ts";
import { until, within } from "../harness/condition.ts";
import { type Actor, marked } from "./actor.ts";
import { isPersistent } from "./leftover.ts";
import { endsWell } from "./owed.ts";
import { SESSION_MS, type World } from "./world.ts";

/** Sessions of what was killed last are over, and who was stopped has been replaced. */
const QUIET_MS = 4 * SESSION_MS + 5000;
/** The load equals the truth so soon after that. */
const LOAD_MS = 2000;
/** What is given has been given out so soon after; of an owner, who may have much to catch up with, so much at least. */
const FLOW_MS = 5000;
const PROGRESS = 100;
const LEAVE_MS = 30_000;
/** Publishers of an exclusive topic publish one after another what they were given meanwhile. */
const DRAIN_MS = 90_000;
const ZONES = 2;

/** Wait for quiet, compare with the truth, let everybody leave, compare again. */
export async function endOfWorld(world: World): Promise<void> {
  for (const slot of world.slots) await slot.actor.becomesReady();
  await using zk = new ZooKeeper({ servers: world.servers.addresses });
  await within("a session of the runner's own", zk.connected(), 20_000);
  await quiet(world, zk);
  await flowing(world);
  world.endOfInput();
  await drained(world);
  for (const kind of ["subscriber", "broker"] as const) {
    await Promise.all(world.of(kind).map(({ actor }) => leave(world, actor)));
  }
  for (const line of world.wrongWords()) world.broken(line);
  const leaked = async () => await leftover(zk, "/");
  let left: string[] = [];
  await until("no znode is left", async () => (left = await leaked()).length === 0, SESSION_MS + 3000)
    .catch(() => world.broken(`znodes left behind: ${left.slice(0, 10).join(", ")}`));
}

async function quiet(world: World, zk: ZooKeeper): Promise<void> {
  const count = async (path: string) => (await zk.getChildren(path)).names.length;
  const clients = { publishers: world.of("publisher").length, subscribers: world.of("subscriber").length };
  await until(
    `${ZONES} zones, ${clients.publishers} publishers and ${clients.subscribers} subscribers are registered`,
    async () =>
      await count(PRIMARIES) === ZONES && await count(PUBLISHERS) === clients.publishers &&
      await count(SUBSCRIBERS) === clients.subscribers,
    QUIET_MS,
  );
  const truth = loadOf(clients.publishers, clients.subscribers, ZONES);
  await until(`the load is ${truth}`, async () => {
    const { data } = await zk.getData(LOAD);
    return parseLoad(new TextDecoder().decode(data)) === truth;
  }, LOAD_MS);
}

/**
 * While nothing is wrong, samples come as they are given: of every publisher of a shared topic, and of the owner of an
 * exclusive one.
 */
async function flowing(world: World): Promise<void> {
  const { ledger } = world;
  await Promise.all(
    world.of("subscriber").map(async ({ topic, actor: { name } }) => {
      const sources = world.of("publisher").filter((slot) => slot.topic === topic).map(({ actor }) =>
        actor.name
      );
      const given = new Map(sources.map((source) => [source, ledger.given(source)]));
      const before = new Map(sources.map((source) => [source, ledger.reached(name, source)]));
      const has = (source: string) => ledger.reached(name, source) >= given.get(source)!;
      const moves = (source: string) => ledger.reached(name, source) >= before.get(source)! + PROGRESS;
      await until(
        `${name} has what was given`,
        () => topic === "S" ? sources.every(has) : sources.some(moves),
        FLOW_MS,
      )
        .catch(() => {
          const places = sources.map((source) => `${ledger.reached(name, source)} of ${given.get(source)}`);
          world.broken(`${name} has, ${FLOW_MS} ms later, ${places.join(", ")} samples`);
        });
    }),
  );
}

/** Publishers end, and everything they were given has been given out to everybody. */
async function drained(world: World): Promise<void> {
  const { ledger } = world;
  const publishers = world.of("publisher");
  await Promise.all(publishers.map(async ({ actor }) => {
    const { code } = await actor.ended(DRAIN_MS);
    if (!endsWell(world, actor, code)) world.broken(`${actor.name} ended with ${code}: ${actor.lastWords}`);
  }));
  for (const { topic, actor: { name: publisher } } of publishers) {
    for (const { topic: wanted, actor: { name: subscriber } } of world.of("subscriber")) {
      if (topic !== wanted) continue;
      const given = ledger.given(publisher);
      // What was acknowledged may still be on its way through the subscriber's pipe.
      await until("the pipe is read", () => ledger.reached(subscriber, publisher) === given, 5000).catch(() =>
        world.broken(`${subscriber} has ${ledger.reached(subscriber, publisher)} of ${given} of ${publisher}`)
      );
    }
  }
}

async function leave(world: World, actor: Actor): Promise<void> {
  actor.signal("SIGINT");
  const { code } = await actor.ended(LEAVE_MS);
  if (code !== 0 && !actor.mayFail) world.broken(`${actor.name} left with ${code}: ${actor.lastWords}`);
}

/** Znodes that nobody is responsible for any more. */
async function leftover(zk: ZooKeeper, path: string): Promise<string[]> {
  const { names } = await zk.getChildren(path);
  const found: string[] = [];
  for (const name of names) {
    const child = `${path === "/" ? "" : path}/${name}`;
    if (child === "/zookeeper") continue;
    if (!isPersistent(child)) found.push(child);
    else found.push(...await leftover(zk, child));
  }
  return found;
}

/** No process of this world runs any more. */
export function nobodyLeft(world: World): void {
  const left = marked(world.mark);
  if (left.length > 0) world.broken(`processes left behind: ${left.join(", ")}`);
}
