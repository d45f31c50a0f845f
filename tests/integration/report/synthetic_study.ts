/** A performance run's directory as `perf` writes it, from known laws instead of measurements. */
import { dataDirectory, RUN_FILE } from "../../../lib/perf/layout.ts";
import { formatRunRecord } from "../../../lib/perf/run_record.ts";
import { hostsOf, nameOf, parseNetwork, placementOf } from "../../../lib/perf/network.ts";
import { type Random, seeded } from "../../../lib/base/random.ts";
import { type Mode, MODES } from "../../../lib/perf/results.ts";

/** What the study is to look like. */
export interface StudyShape {
  readonly networks: readonly string[];
  readonly repeats: number;
  readonly events: number;
  /** Latency of a sample in milliseconds. */
  latency(mode: Mode, clients: number, random: Random): number;
}

/** The trees of a real study, with latencies that follow the earlier framework's findings. */
export const FULL_STUDY: StudyShape = {
  networks: ["tree:2,2", "tree:3,2", "tree:2,3", "tree:2,4", "tree:4,2", "tree:3,3"],
  repeats: 3,
  events: 40,
  latency(mode, clients, random) {
    const spread = Math.exp((mode === "direct" ? 0.25 : 0.45) * (random() + random() + random() - 1.5) * 2);
    const outlier = mode === "centralized" && random() < 0.01 ? 25 : 1;
    const middle = mode === "direct" ? 0.3 + 0.01 * clients : 0.6 + 0.01 * clients + 0.004 * clients ** 2;
    return middle * spread * outlier;
  },
};

const TOPICS = ["A", "B", "C"];
const START = 1_750_000_000_000;
const INTERVAL_MS = 100;

/** Writes the study below `root`. */
export async function writeStudy(root: string, shape: StudyShape): Promise<void> {
  let seed = 1;
  for (const text of shape.networks) {
    for (const mode of MODES) {
      for (let repeat = 1; repeat <= shape.repeats; repeat++) {
        await writeRun(root, text, mode, repeat, shape, seeded(seed++));
      }
    }
  }
}

async function writeRun(
  root: string,
  text: string,
  mode: Mode,
  repeat: number,
  shape: StudyShape,
  random: Random,
): Promise<void> {
  const network = parseNetwork(text);
  const key = { mode, network: nameOf(network), repeat };
  const directory = dataDirectory(root, key);
  await Deno.mkdir(directory, { recursive: true });
  const { subscribers, publishers } = placementOf(hostsOf(network));
  const clients = subscribers.length + publishers.length;
  const death = START + shape.events * INTERVAL_MS / 2;
  for (const [i] of subscribers.entries()) {
    const name = `subscriber-${i + 1}`;
    const rows = ["publisher,topic,total_time_seconds,sequence,epoch,publish_time,receive_time,historical"];
    for (let event = 1; event <= shape.events; event++) {
      for (const [p] of publishers.entries()) {
        const time = START + event * INTERVAL_MS + p * 7 + random();
        for (const topic of TOPICS) {
          const failover = mode === "centralized" && time > death && time < death + 90
            ? death + 90 - time
            : 0;
          const latency = shape.latency(mode, clients, random) * (repeat === 2 ? 1.02 : 1) + failover;
          rows.push(
            `publisher-${p + 1},${topic},${(latency / 1000).toFixed(6)},${event},0,${time.toFixed(3)},${
              (time + latency).toFixed(3)
            },0`,
          );
        }
      }
    }
    await Deno.writeTextFile(`${directory}/${name}.csv`, rows.join("\n") + "\n");
    const loss = {
      time: death - 3,
      event: "broker_lost",
      what: "tcp://10.0.0.3:5555",
      detected_ms: 41,
      data_back_ms: 93,
    };
    const more = { control_back_ms: 3300, recovered: 2, lost: 0, duplicates: 0, reordered: 0 };
    const events = mode === "centralized" ? JSON.stringify({ ...loss, ...more }) + "\n" : "";
    await Deno.writeTextFile(`${directory}/${name}.events.jsonl`, events);
  }
  const record = formatRunRecord({
    ...key,
    where: "mininet",
    hosts: hostsOf(network),
    subscribers: subscribers.length,
    publishers: publishers.length,
    topics: TOPICS,
    events: shape.events,
    intervalSeconds: INTERVAL_MS / 1000,
    ownership: "shared",
    history: shape.events,
    autokillSeconds: 15,
    startedAt: START - 10_000,
    endedAt: START + 10_000,
    brokerDeaths: [{ broker: "broker-1", time: death }],
    checks: [{ name: "the standby leads", pass: true, comment: "" }],
    cpuBusy: 0.5,
    cpuOwnSeconds: 12.5,
    loadBefore: 0.1,
    zookeeper: "embedded",
    switch: "linuxbridge",
    linkDelay: null,
    bandwidthMbit: null,
    program: "pubsub test",
    machine: { cores: 2, cpu: "test", system: "linux" },
  });
  await Deno.writeTextFile(`${directory}/${RUN_FILE}`, record);
}

if (import.meta.main) await writeStudy(Deno.args[0] ?? "study", FULL_STUDY);
