/** What goes wrong around a run of `--stdin`. Each fault happens, and is undone before it resolves. */
import type { Actor } from "../actor.ts";
import type { TcpProxy } from "../../harness/tcp_proxy.ts";
import type { Life, Party, Source } from "./party.ts";
import { sleep } from "./party.ts";
import type { FaultKind, ReaderPlan } from "./plan.ts";

/** Whom a fault concerns, chosen by a number in [0, 1). */
export interface Target {
  readonly party: Party;
  readonly readers: readonly ReaderPlan[];
  readonly whom: number;
  readonly ms: number;
}

function one<T>(items: readonly T[], whom: number): T {
  return items[Math.floor(whom * items.length)]!;
}
const life = ({ party, readers, whom }: Target): Life => party.lifeOf(one(readers, whom));
const source = ({ party, whom }: Target): Source =>
  one(party.sources.filter(({ plan }) => plan.comesAt === 0), whom);
const broker = ({ party, whom }: Target): Actor =>
  one(party.brokers.filter(({ running }) => running), whom) ?? party.brokers[0]!;

async function stop({ name, ...rest }: { name: string; actor: Actor }, ms: number): Promise<string> {
  rest.actor.signal("SIGSTOP");
  await sleep(ms);
  rest.actor.signal("SIGCONT");
  return name;
}

/** End this life of a reader. */
async function kill({ actor, account }: Life): Promise<string> {
  if (!actor.running) return `${account.name} (dead already)`;
  account.killed = true;
  actor.signal("SIGKILL");
  await actor.ended(5000);
  return account.name;
}

async function killBrokers(party: Party, brokers: readonly Actor[], ms: number): Promise<string> {
  const running = brokers.filter(({ running }) => running);
  for (const actor of running) actor.signal("SIGKILL");
  await sleep(ms);
  for (const _ of running) await party.broker().becomesReady();
  return running.map(({ name }) => name).join(", ");
}

async function hold(name: string, proxies: readonly TcpProxy[], ms: number): Promise<string> {
  for (const proxy of proxies) proxy.hold();
  await sleep(ms);
  for (const proxy of proxies) proxy.release();
  return name;
}

function cut({ name, proxies }: Actor): Promise<string> {
  for (const proxy of proxies) proxy.cut();
  return Promise.resolve(name);
}

/** Each kind; resolves to the name of whom it concerned. */
export const FAULTS: Record<FaultKind, (target: Target) => Promise<string>> = {
  "stop-reader": (target) => stop(reader(life(target)), target.ms),
  "stop-reader-past": (target) => stop(reader(life(target)), target.ms),
  "kill-reader": (target) => kill(life(target)),
  async "kill-reader-return"(target) {
    const chosen = life(target);
    const name = await kill(chosen);
    await sleep(target.ms);
    target.party.reader(chosen.plan);
    return name;
  },
  async "unread-reader"(target) {
    const { actor, account } = life(target);
    actor.pauseReading();
    await sleep(target.ms);
    actor.resumeReading();
    return account.name;
  },
  "kill-broker": (target) => killBrokers(target.party, [broker(target)], target.ms),
  "kill-brokers": (target) => killBrokers(target.party, target.party.brokers, target.ms),
  "stop-broker": (target) => stop(process(broker(target)), target.ms),
  "cut-broker": (target) => cut(broker(target)),
  "hold-broker": (target) => hold(broker(target).name, broker(target).proxies, target.ms),
  "cut-publisher": (target) => cut(source(target).actor),
  "hold-publisher": (target) => hold(source(target).actor.name, source(target).actor.proxies, target.ms),
  async "refuse-publisher"(target) {
    const { name, proxies } = source(target).actor;
    for (const proxy of proxies) proxy.refuse();
    for (const proxy of proxies) proxy.cut();
    await sleep(target.ms);
    for (const proxy of proxies) proxy.admit();
    return name;
  },
  // Of everybody it is out of sight: the server, direct readers; brokers it goes on to reach.
  "cut-off-publisher"(target) {
    const { name, proxies, zookeeper } = source(target).actor;
    return hold(name, [...proxies, ...zookeeper], target.ms);
  },
  "stop-publisher-past": (target) => stop(process(source(target).actor), target.ms),
  "hold-zookeeper-of-reader"(target) {
    const { actor, account } = life(target);
    return hold(account.name, actor.zookeeper, target.ms);
  },
  async "restart-zookeeper"({ party: { coordinator }, ms }) {
    await coordinator.kill();
    await sleep(ms);
    await coordinator.restart();
    return "";
  },
  async "wipe-zookeeper"({ party: { coordinator }, ms }) {
    await coordinator.wipe(ms);
    return "";
  },
  async "stop-zookeeper"({ party: { coordinator }, ms }) {
    coordinator.pause();
    await sleep(ms);
    coordinator.resume();
    return "";
  },
};

function reader({ actor, account: { name } }: Life): { name: string; actor: Actor } {
  return { name, actor };
}

function process(actor: Actor): { name: string; actor: Actor } {
  return { name: actor.name, actor };
}

/** Faults of the coordination server come one after another. */
export function concernsServer(kind: FaultKind): boolean {
  return kind === "restart-zookeeper" || kind === "wipe-zookeeper" || kind === "stop-zookeeper";
}
