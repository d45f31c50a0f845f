/**
 * Compares pubsub with what users would pick instead, on this machine, pair by pair: a run of pubsub and right after
 * it a run of the other system, in turn for every system, several times. What else goes on on the machine hits both
 * of a pair alike, so the ratio of a pair says more than either figure.
 *
 *     deno run -A tests/bench/peers/compare.ts [--repeats 3] [--seconds 3] [--only SCENARIO] [--peer NAME] [--write BENCHMARKS.md]
 *
 * `--note TEXT` is written beside the machine: what else one must know of the circumstances.
 * `--settle SECONDS` waits before each pair until the machine is quiet, at most so long.
 *
 * Not installed systems are left out. Exit code 1 when a sample of pubsub was lost, repeated or damaged.
 */
import { parseArgs } from "node:util";
import { type JobResult, runJob, type Shape, type System } from "../../../lib/bench/job.ts";
import { type PubsubSettings, PubsubSystem } from "../../../lib/bench/pubsub_system.ts";
import { measureStartup } from "../../../lib/bench/startup.ts";
import { checkText, resultLine } from "../../../lib/bench/table.ts";
import { reasonOf } from "../../../lib/base/errors.ts";
import { machineText, reportOf } from "./report.ts";
import { type Scenario, SCENARIOS } from "./scenarios.ts";
import { settle } from "./settle.ts";
import { installedPeers, type Peer } from "./systems.ts";

/** One pair of runs. */
export interface Pair {
  ours: JobResult;
  theirs: JobResult;
}

/** All pairs of one scenario by the name of the other system. */
export interface Comparison {
  scenario: Scenario;
  pairs: Map<string, Pair[]>;
}

const { values } = parseArgs({
  options: {
    repeats: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    peer: { type: "string", default: "" },
    settle: { type: "string", default: "0" },
    note: { type: "string", default: "" },
    write: { type: "string" },
  },
});
const repeats = Number(values.repeats);
const seconds = Number(values.seconds);
const leaving = new AbortController();
const { signal } = leaving;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  // Whatever runs ends its processes first.
  Deno.addSignalListener(name, () => leaving.abort(new Error(`stopped by ${name}`)));
}
let wrong = false;

async function run(
  system: System,
  shape: Shape,
): Promise<JobResult | undefined> {
  try {
    const result = await runJob(system, shape, signal);
    console.error(`  ${system.name}: ${resultLine(result)}`);
    if (
      system.name === "pubsub" && checkText(result) !== "all samples checked"
    ) wrong = true;
    return result;
  } catch (error) {
    signal.throwIfAborted();
    console.error(`  ${system.name}: ${reasonOf(error)}`);
    if (system.name === "pubsub") wrong = true;
    return undefined;
  }
}

async function compare(
  scenario: Scenario,
  installed: Peer[],
): Promise<Comparison> {
  const { shape, settings } = scenario;
  const peers = installed.filter(({ system }) => scenario.peers?.includes(system.name) ?? true);
  const ours = new PubsubSystem(settings as PubsubSettings);
  const timed: Shape = { ...shape, warmUpSeconds: 1, seconds };
  const pairs = new Map<string, Pair[]>(
    peers.map(({ system }) => [system.name, []]),
  );
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const { system } of peers) {
      const idle = await settle(Number(values.settle));
      if (idle > 0) {
        console.error(`${(idle * 100).toFixed(0)} % of the machine is idle`);
      }
      console.error(
        `${scenario.name}, pair ${repeat} of ${repeats}: pubsub and ${system.name}`,
      );
      const first = await run(ours, timed);
      const second = await run(system, timed);
      if (first && second) {
        pairs.get(system.name)!.push({ ours: first, theirs: second });
      }
    }
  }
  return { scenario, pairs };
}

const directory = await Deno.makeTempDir({ prefix: "pubsub-peers-" });
try {
  const machine = [machineText(), values.note].filter((text) => text !== "").join(". ");
  const chosen = ({ system }: Peer) => system.name.includes(values.peer);
  const brokered = (await installedPeers(directory, false)).filter(chosen);
  const direct = (await installedPeers(directory, true)).filter(chosen);
  console.error(
    `${machine}\n${brokered.map(({ version }) => version).join("\n")}`,
  );
  const comparisons: Comparison[] = [];
  for (const scenario of SCENARIOS) {
    if (!scenario.name.includes(values.only)) continue;
    comparisons.push(
      await compare(
        scenario,
        scenario.settings.mode === "direct" ? direct : brokered,
      ),
    );
  }
  const startup = values.only === "" ? await measureStartup({ repeats, idleSeconds: 10 }, signal) : [];
  const report = reportOf({
    machine,
    peers: brokered,
    comparisons,
    startup,
    repeats,
    seconds,
  });
  if (values.write === undefined) console.log(report);
  else await Deno.writeTextFile(values.write, report);
} catch (error) {
  if (!signal.aborted) throw error;
  console.error(reasonOf(error));
  wrong = true;
} finally {
  await Deno.remove(directory, { recursive: true });
}
Deno.exit(wrong ? 1 : 0);
