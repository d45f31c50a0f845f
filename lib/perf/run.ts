/**
 * One run: a network that is up, a mode, a repeat. Starts the processes of its plan, waits, looks at the files.
 *
 * Guarantee: when it returns or throws, no process of it is left. A process that fails, a subscriber whose file is
 * incomplete and a primary that did not die in mid-run make failed checks, not exceptions.
 */
import { wallClock } from "../base/clock.ts";
import { DeadlineError, PubsubError } from "../base/errors.ts";
import type { SelfCommand } from "../base/self_command.ts";
import { busyShare, childrenSeconds, cpuTime } from "./cpu_time.ts";
import type { Host, Hosts } from "./hosts.ts";
import { dataDirectory, logDirectory, type RunKey } from "./layout.ts";
import { type Placement, placementOf } from "./network.ts";
import {
  planOf,
  PRIMARY_ID,
  publishersAfter,
  publishingSeconds,
  type RoleCommand,
  STANDBY_ID,
  type Workload,
} from "./plan.ts";
import { Processes, type Started } from "./processes.ts";
import { clientsCheck, exitedEarly, fileChecks, takeoverCheck } from "./run_checks.ts";
import type { Check } from "./run_record.ts";
import { type SystemState, systemState } from "./system_state.ts";
import { zookeeperCommand, type ZooKeeperKind } from "./zookeeper_choice.ts";

/** What a run needs. */
export interface RunOptions {
  readonly key: RunKey;
  readonly hosts: Hosts;
  readonly workload: Workload;
  readonly zookeeper: ZooKeeperKind;
  readonly self: SelfCommand;
  /** Directory of the whole performance run. */
  readonly root: string;
  /** Aborted: the run is ended and throws. */
  readonly signal: AbortSignal;
}

/** How it went. */
export interface RunOutcome {
  readonly placement: Placement;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly brokerDeaths: { readonly broker: string; readonly time: number }[];
  readonly checks: readonly Check[];
  /** Share of the cores' time in use while there was publishing, by these and all other processes. */
  readonly cpuBusy: number | null;
  /** Processor time of the run's own processes, seconds. */
  readonly cpuOwnSeconds: number | null;
  /** Processes that wanted a core when the run began, one minute's average: others' load. */
  readonly loadBefore: number;
}

/** For ZooKeeper and a broker to be ready. */
const START_DEADLINE_MS = 60_000;
/** For the standby to lead, after the clients have ended: the primary's session has to expire first. */
const TAKEOVER_DEADLINE_MS = 15_000;
/** For the last samples to arrive, after the time that publishing takes. */
const ARRIVAL_GRACE_MS = 20_000;

/** Runs it. */
export async function performRun(options: RunOptions): Promise<RunOutcome> {
  const { key, hosts, root } = options;
  const data = dataDirectory(root, key);
  const logs = logDirectory(root, key);
  await Promise.all([emptied(data), emptied(logs)]);
  const scratch = await Deno.makeTempDir({ prefix: "pubsub-perf-" });
  const startedAt = wallClock();
  const ownBefore = await childrenSeconds();
  const loadBefore = Deno.loadavg()[0] ?? 0;
  try {
    await using processes = new Processes();
    const run = new Run(options, processes, data, logs);
    const placement = placementOf(hosts.hosts.length);
    const checks = await run.toItsEnd(placement, scratch);
    await processes.close();
    const ownAfter = await childrenSeconds();
    checks.push(...await fileChecks(data, placement, options.workload, run.death));
    const brokerDeaths = run.death === undefined ? [] : [{ broker: PRIMARY_ID, time: run.death }];
    return {
      placement,
      startedAt,
      endedAt: wallClock(),
      brokerDeaths,
      checks,
      cpuBusy: run.cpuBusy,
      cpuOwnSeconds: ownBefore === undefined || ownAfter === undefined ? null : ownAfter - ownBefore,
      loadBefore,
    };
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Removes the files of an earlier run from a directory, but not the directories of other repeats. */
async function emptied(directory: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  for await (const entry of Deno.readDir(directory)) {
    if (entry.isFile) await Deno.remove(`${directory}/${entry.name}`);
  }
}

/** The processes of one run, in their order. */
class Run {
  readonly #options: RunOptions;
  readonly #processes: Processes;
  readonly #data: string;
  readonly #logs: string;
  /** When the primary's process was seen to be gone. */
  death: number | undefined;
  cpuBusy: number | null = null;
  /** Clients did not end in time and were asked to leave. */
  #late = false;

  constructor(options: RunOptions, processes: Processes, data: string, logs: string) {
    this.#options = options;
    this.#processes = processes;
    this.#data = data;
    this.#logs = logs;
  }

  async toItsEnd(placement: Placement, scratch: string): Promise<Check[]> {
    const { hosts, workload, key } = this.#options;
    const server = this.#host(placement.zookeeper);
    const zookeeper = `${server.address}:${hosts.zookeeperPort()}`;
    const plan = planOf({ placement, mode: key.mode, workload, zookeeper, directory: this.#data });
    await this.#startZooKeeper(server, zookeeper, scratch);
    const pool = this.#start(plan.pool);
    const primary = this.#start(plan.primary);
    const led = performance.now();
    void primary.ended.then((ended) => this.death = ended.time);
    await this.#until("the primary leads", zookeeper, server, (state) => state.primary === PRIMARY_ID);
    const standby = this.#start(plan.standby);
    const subscribers = plan.subscribers.map((role) => this.#start(role));
    const { autokillSeconds } = workload;
    const wait = autokillSeconds === null ? 0 : publishersAfter(placement, workload, autokillSeconds) * 1000;
    await this.#pause(Math.max(0, led + wait - performance.now()));
    const publishers = plan.publishers.map((role) => this.#start(role));
    const clients = [...subscribers, ...publishers];
    const before = await cpuTime();
    await this.#clientsEnd(clients, led);
    this.cpuBusy = busyShare(before, await cpuTime());
    const checks = [clientsCheck(clients, this.#late)];
    if (autokillSeconds !== null) {
      checks.push(takeoverCheck(await this.#takenOver(server, zookeeper), standby));
    }
    if (pool.result !== undefined) checks.push(exitedEarly(pool));
    return checks;
  }

  #host(index: number): Host {
    const host = this.#options.hosts.hosts[index];
    if (host === undefined) throw new PubsubError(`The network has no host ${index + 1}`);
    return host;
  }

  #start({ name, host, args }: RoleCommand): Started {
    const { self } = this.#options;
    return this.#processes.start(
      name,
      this.#host(host).wrap([self.command, ...self.args, ...args]),
      `${this.#logs}/${name}.log`,
    );
  }

  async #startZooKeeper(host: Host, address: string, scratch: string): Promise<void> {
    const { self, zookeeper } = this.#options;
    const command = await zookeeperCommand(zookeeper, address, scratch, self);
    const started = this.#processes.start("zookeeper", host.wrap(command), `${this.#logs}/zookeeper.log`);
    await this.#until("ZooKeeper answers", address, host, () => true, () => {
      if (started.result === undefined) return;
      const { code } = started.result;
      throw new PubsubError(`ZooKeeper ended with code ${code} (see ${this.#logs}/zookeeper.log)`);
    });
  }

  async #until(
    what: string,
    zookeeper: string,
    host: Host,
    holds: (state: SystemState) => boolean,
    throwIfHopeless: () => void = () => {},
  ): Promise<void> {
    const deadline = performance.now() + START_DEADLINE_MS;
    for (;;) {
      this.#options.signal.throwIfAborted();
      throwIfHopeless();
      const state = await systemState(host, this.#options.self, zookeeper);
      if (state !== undefined && holds(state)) return;
      if (performance.now() > deadline) {
        throw new DeadlineError(`Not within ${START_DEADLINE_MS / 1000} s: ${what} (see ${this.#logs})`);
      }
      await this.#pause(100);
    }
  }

  /** Waits for the clients; those that have not ended in time are asked to leave, which writes their files. */
  async #clientsEnd(clients: readonly Started[], led: number): Promise<void> {
    const { workload } = this.#options;
    const publishing = publishingSeconds(workload) * (workload.ownership === "shared" ? 1 : clients.length);
    const deadline = Math.max(performance.now(), led + (workload.autokillSeconds ?? 0) * 1000) +
      publishing * 1000 + ARRIVAL_GRACE_MS;
    const all = Promise.all(clients.map((client) => client.ended)).then(() => true);
    while (!await Promise.race([all, this.#pause(250).then(() => false)])) {
      // A publisher that failed leaves everybody waiting: no sense in waiting for the deadline.
      const failed = clients.some((client) => client.result !== undefined && client.result.code !== 0);
      if (performance.now() < deadline && !failed) continue;
      this.#late = true;
      for (const client of clients) client.terminate();
      await Promise.race([all, this.#pause(5000)]);
      return;
    }
  }

  /** The state once the standby leads, or as it is when that takes too long. */
  async #takenOver(server: Host, zookeeper: string): Promise<SystemState | undefined> {
    const deadline = performance.now() + TAKEOVER_DEADLINE_MS;
    for (;;) {
      const state = await systemState(server, this.#options.self, zookeeper);
      if (state?.primary === STANDBY_ID || performance.now() > deadline) return state;
      await this.#pause(200);
    }
  }

  /** Rejects when the run is to be ended. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const wake = () => resolve();
    signal.addEventListener("abort", wake);
    await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", wake);
    signal.throwIfAborted();
  }
}
