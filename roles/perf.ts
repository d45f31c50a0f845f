/**
 * `pubsub perf`: measures a matrix of networks, modes and repeats, with processes on loopback or in Mininet hosts.
 *
 * Guarantee: however it ends (done, a failure, Ctrl-C), every process it started is gone and the Mininet network is
 * removed. What was measured before stays on disk, and `--resume` goes on from there.
 */
import { describeBuild } from "../lib/base/build_info.ts";
import { PubsubError, reasonOf, UsageError } from "../lib/base/errors.ts";
import { type Hosts, localHosts } from "../lib/perf/hosts.ts";
import { dataDirectory, resultsFile, RUN_FILE, type RunKey } from "../lib/perf/layout.ts";
import { DEFAULT_NETWORKS, matrixOf, type NetworkRuns } from "../lib/perf/matrix.ts";
import { mininetHosts } from "../lib/perf/mininet.ts";
import { hostsOf, nameOf, placementOf } from "../lib/perf/network.ts";
import { defaultAutokill, publishingSeconds, type Workload } from "../lib/perf/plan.ts";
import { performRun, type RunOutcome } from "../lib/perf/run.ts";
import { formatRunRecord, type RunRecord } from "../lib/perf/run_record.ts";
import { withResult } from "../lib/perf/test_results.ts";
import { chooseZooKeeper, type ZooKeeperKind } from "../lib/perf/zookeeper_choice.ts";
import { type Mode, MODES } from "../lib/perf/results.ts";
import { type SelfCommand, selfCommand } from "../lib/base/self_command.ts";
import { replaceFile } from "../lib/base/whole_file.ts";
import type { RoleContext } from "./context.ts";

/** What is asked of `perf`. */
export interface PerfOptions {
  readonly where: "local" | "mininet";
  /** `tree:2,3`, `single:8`; empty: the usual ones. */
  readonly networks: readonly string[];
  readonly modes?: readonly Mode[];
  /** Events of each publisher. @default 100 */
  readonly events?: number;
  /** Pause between events. @default 0.1 */
  readonly intervalSeconds?: number;
  /** @default 3 */
  readonly repeats?: number;
  /** Directory of the results. @default perf-results */
  readonly out?: string;
  readonly topics?: readonly string[];
  /** @default shared */
  readonly ownership?: "shared" | "exclusive";
  /** Seconds to the primary's death, 0 for never. @default 15, more in large networks */
  readonly autokillSeconds?: number;
  /** Of the backup pool. @default 30 */
  readonly loadThreshold?: number;
  readonly zookeeperServer?: ZooKeeperKind | "auto";
  readonly switchKind?: "linuxbridge" | "ovs";
  readonly linkDelay?: string;
  readonly bandwidthMbit?: number;
  /** Keep the runs that `out` already has. */
  readonly resume?: boolean;
  /** Executable to measure. @default this program */
  readonly executable?: string;
}

/** One study under way. */
interface Study {
  readonly options: PerfOptions;
  readonly root: string;
  readonly self: SelfCommand;
  readonly program: string;
  readonly zookeeper: ZooKeeperKind;
  readonly context: RoleContext;
  readonly total: number;
  done: number;
  failed: number;
}

/** Runs the study. Exit code 1 when a check failed or it was stopped. */
export async function runPerf(options: PerfOptions, context: RoleContext): Promise<number> {
  const networks = options.networks.length > 0 ? options.networks : DEFAULT_NETWORKS[options.where];
  const matrix = matrixOf({ networks, modes: options.modes ?? MODES, repeats: options.repeats ?? 3 });
  const root = await prepareRoot(options);
  const self = options.executable === undefined
    ? selfCommand()
    : { command: await executableAt(options.executable), args: [] };
  const study: Study = {
    options,
    root,
    self,
    program: await versionOf(self),
    zookeeper: await chooseZooKeeper(options.zookeeperServer ?? "auto"),
    context,
    total: matrix.reduce((sum, { runs }) => sum + runs.length, 0),
    done: 0,
    failed: 0,
  };
  context.note(
    `perf: ${study.total} runs (${matrix.map(({ network }) => nameOf(network)).join(", ")}) in ${root}, ` +
      `${options.where === "local" ? "processes on loopback" : "Mininet"}, ${study.zookeeper} ZooKeeper`,
  );
  const began = performance.now();
  try {
    for (const network of matrix) await measureNetwork(study, network);
  } catch (error) {
    if (!context.signal.aborted) throw error;
    context.note(`perf: stopped after ${study.done} of ${study.total} runs; everything is ended`);
    return 1;
  }
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  context.note(
    `perf: ${
      study.total - study.failed
    } of ${study.total} runs pass, ${minutes} minutes. Next: pubsub report ${options.out ?? "perf-results"}`,
  );
  return study.failed === 0 ? 0 : 1;
}

async function prepareRoot({ out = "perf-results", resume = false }: PerfOptions): Promise<string> {
  await Deno.mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw new PubsubError(`Cannot write to ${out}: ${reasonOf(cause)}`, { cause });
  });
  const root = await Deno.realPath(out);
  if (!resume && await exists(`${root}/data`)) {
    throw new UsageError(
      `${out} already holds results: name another directory with --out, or go on with --resume`,
    );
  }
  return root;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function executableAt(path: string): Promise<string> {
  return await Deno.realPath(path).catch((cause: unknown) => {
    throw new UsageError(`--executable ${path}: ${reasonOf(cause)}`, { cause });
  });
}

async function versionOf({ command, args }: SelfCommand): Promise<string> {
  if (command === Deno.execPath()) return describeBuild();
  const { stdout } = await new Deno.Command(command, { args: [...args, "--version"], stdin: "null" })
    .output();
  return new TextDecoder().decode(stdout).trim();
}

/** Makes the network, when a run of it is still wanted, and measures its runs. */
async function measureNetwork(study: Study, { network, runs }: NetworkRuns): Promise<void> {
  const wanted: RunKey[] = [];
  for (const key of runs) {
    const kept = study.options.resume === true &&
      await exists(`${dataDirectory(study.root, key)}/${RUN_FILE}`);
    if (kept) study.done++;
    else wanted.push(key);
  }
  if (wanted.length === 0) return;
  const { where, switchKind = "linuxbridge", linkDelay = null, bandwidthMbit = null } = study.options;
  await Deno.mkdir(`${study.root}/logs`, { recursive: true });
  const log = `${study.root}/logs/mininet-${nameOf(network)}.log`;
  await using hosts = where === "local"
    ? localHosts(hostsOf(network))
    : await mininetHosts({ network, switchKind, linkDelay, bandwidthMbit, log }, study.context.signal);
  for (const key of wanted) await measureRun(study, hosts, key);
}

async function measureRun(study: Study, hosts: Hosts, key: RunKey): Promise<void> {
  const { context, options, root, self, zookeeper } = study;
  const workload = workloadOf(options, hosts.hosts.length);
  const began = performance.now();
  const outcome = await performRun({ key, hosts, workload, zookeeper, self, root, signal: context.signal });
  await keep(study, hosts, key, workload, outcome);
  study.done++;
  const failures = outcome.checks.filter((check) => !check.pass);
  if (failures.length > 0) study.failed++;
  const { subscribers, publishers } = outcome.placement;
  context.note(
    `perf: ${
      String(study.done).padStart(String(study.total).length)
    }/${study.total} ${key.network} ${key.mode} ` +
      `repeat ${key.repeat}: ${subscribers.length} subscribers, ${publishers.length} publishers, ` +
      `${((performance.now() - began) / 1000).toFixed(1)} s, ` +
      (failures.length === 0
        ? "pass"
        : `FAIL: ${failures.map(({ name, comment }) => `not ${name} (${comment})`).join("; ")}`),
  );
}

function workloadOf(options: PerfOptions, hosts: number): Workload {
  const { events = 100, intervalSeconds = 0.1, topics = ["A", "B", "C"] } = options;
  const publishing = publishingSeconds({ events, intervalSeconds } as Workload);
  const autokill = options.autokillSeconds ?? defaultAutokill(placementOf(hosts), publishing);
  return {
    topics,
    events,
    intervalSeconds,
    ownership: options.ownership ?? "shared",
    history: events,
    autokillSeconds: autokill === 0 ? null : autokill,
    loadThreshold: options.loadThreshold ?? 30,
  };
}

/** Writes run.json and the row of test_results. */
async function keep(
  study: Study,
  hosts: Hosts,
  key: RunKey,
  workload: Workload,
  outcome: RunOutcome,
): Promise<void> {
  const { options, root, program, zookeeper } = study;
  const { placement, startedAt, endedAt, brokerDeaths, checks, cpuBusy, cpuOwnSeconds, loadBefore } = outcome;
  const record: RunRecord = {
    ...key,
    where: hosts.where,
    hosts: hosts.hosts.length,
    subscribers: placement.subscribers.length,
    publishers: placement.publishers.length,
    topics: [...workload.topics],
    events: workload.events,
    intervalSeconds: workload.intervalSeconds,
    ownership: workload.ownership,
    history: workload.history,
    autokillSeconds: workload.autokillSeconds,
    startedAt,
    endedAt,
    brokerDeaths: [...brokerDeaths],
    checks: [...checks],
    cpuBusy,
    cpuOwnSeconds,
    loadBefore,
    zookeeper,
    switch: hosts.switch,
    linkDelay: options.linkDelay ?? null,
    bandwidthMbit: options.bandwidthMbit ?? null,
    program,
    machine: await machineOf(),
  };
  await replaceFile(`${dataDirectory(root, key)}/${RUN_FILE}`, formatRunRecord(record));
  const file = resultsFile(root, key);
  await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  const before = await Deno.readTextFile(file).catch(() => "");
  await replaceFile(file, withResult(before, key.repeat, checks));
}

async function machineOf(): Promise<RunRecord["machine"]> {
  const cpus = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return {
    cores: navigator.hardwareConcurrency,
    cpu: /^model name\s*:\s*(.*)$/m.exec(cpus)?.[1] ?? Deno.build.arch,
    system: `${Deno.build.os} ${Deno.osRelease()}`,
  };
}
