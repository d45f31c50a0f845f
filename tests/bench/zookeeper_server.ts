/**
 * The embedded coordination server and Apache ZooKeeper in one run, through the same raw client.
 *
 *     deno run -A tests/bench/zookeeper_server.ts [--seconds 2] [--repeat 3] [--sessions 5000] [--only NAME]
 *
 * Measures pipelined creates, setData and getData per second (100 bytes), a single write's and a ping's round
 * trip, and with 5,000 sessions (a heartbeat each, every third of the time-out) and 10,000 nodes the server's
 * resident memory and the round trip of a ping. Figures are medians of the repetitions, in which the servers take
 * turns; the processor time that a request costs the server depends less on what else the machine does. Apache is
 * left out, loudly, where it is not installed.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { fourLetterWord } from "../harness/raw_zookeeper.ts";
import { apacheIsInstalled, ApacheZooKeeper } from "./apache_server.ts";
import {
  CountingSession,
  createRequest,
  getDataRequest,
  payload,
  pingRequest,
  pipelined,
  quantile,
  roundTrips,
  setDataRequest,
  throughput,
} from "./pipelined_load.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "2" },
    repeat: { type: "string", default: "3" },
    sessions: { type: "string", default: "5000" },
    only: { type: "string", default: "" },
  },
});
const SECONDS = Number(values.seconds);
const SESSIONS = Number(values.sessions);
const NODES = 10_000;
const HEARTBEAT_TIMEOUT_MS = 30_000;

/** A server under test. */
interface Subject extends AsyncDisposable {
  readonly address: string;
  readonly pid: number;
}

/** The embedded server, as the process that users start. */
async function embedded(durable: boolean): Promise<Subject> {
  const dataDir = durable ? await Deno.makeTempDir({ prefix: "bench-zookeeper-" }) : null;
  const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
  const args = ["run", "-A", main, "zookeeper", "--listen", "127.0.0.1:0", "--words", "mntr"];
  if (dataDir !== null) args.push("--data-dir", dataDir);
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "null" })
    .spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  const address = /listening on (\S+)/.exec(value)?.[1];
  if (address === undefined) throw new Error(`the embedded server did not start: ${value}`);
  return {
    address,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      if (dataDir !== null) await Deno.remove(dataDir, { recursive: true });
    },
  };
}

/** Resident memory of a process, in MiB. */
function residentMiB(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return Number(line?.[1] ?? NaN) / 1024;
}

/** Seconds of processor time a process has used. */
function cpuSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

type Row = Record<string, number>;

async function rates(subject: Subject): Promise<Row> {
  const { address } = subject;
  const data = payload(100);
  const row: Row = {};
  using setup = await CountingSession.open(address);
  await roundTrips(setup, () => createRequest("/bench", data), 1);
  await roundTrips(setup, (i) => createRequest(`/bench/set-${i}`, data), 1000);
  for (const connections of [1, 8]) {
    const options = { connections, window: 1000 / connections, seconds: SECONDS, warmUpSeconds: 1 };
    const measure = async (name: string, make: (connection: number, index: number) => Uint8Array) => {
      const cpu = cpuSeconds(subject.pid);
      const { perSecond, answered } = await throughput(address, make, options);
      const cost = (cpuSeconds(subject.pid) - cpu) * 1e6 / answered;
      row[`${name}/s, ${connections} conn.`] = perSecond;
      row[`${name} CPU µs, ${connections} conn.`] = cost;
      console.error(`    ${name} ×${connections}: ${perSecond.toFixed(0)}/s, ${cost.toFixed(1)} µs CPU each`);
    };
    await measure("create", (c, i) => createRequest(`/bench/n-${connections}-${c}-${i}`, data));
    await measure("setData", (c, i) => setDataRequest(`/bench/set-${(c * 100 + i) % 1000}`, data));
    await measure("getData", (c, i) => getDataRequest(`/bench/set-${(c * 100 + i) % 1000}`));
  }
  const writes = await roundTrips(setup, (i) => setDataRequest(`/bench/set-${i % 1000}`, data), 1000);
  row["one write p50 µs"] = quantile(writes, 0.5) * 1000;
  row["one write p99 µs"] = quantile(writes, 0.99) * 1000;
  const pings = await roundTrips(setup, pingRequest, 2000);
  row["ping p50 µs"] = quantile(pings, 0.5) * 1000;
  row["ping p99 µs"] = quantile(pings, 0.99) * 1000;
  return row;
}

/** A session that sends a heartbeat every third of its time-out until it is told to stop. */
async function heartbeats(session: CountingSession, times: number[], stop: Promise<void>): Promise<void> {
  const period = HEARTBEAT_TIMEOUT_MS / 3;
  const ping = pingRequest();
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  for (let wait = Math.random() * period; !stopped; wait = period) {
    const pause = new Promise<void>((resolve) => timer = setTimeout(resolve, wait));
    await Promise.race([pause, stop.then(() => stopped = true)]);
    if (!stopped) times.push(...await roundTrips(session, () => ping, 1));
  }
  clearTimeout(timer);
}

async function manySessions(subject: Subject): Promise<Row> {
  const { address, pid } = subject;
  const row: Row = { "RSS MiB, fresh": residentMiB(pid) };
  const data = payload(100);
  const stop = Promise.withResolvers<void>();
  const sessions: CountingSession[] = [];
  const beats: Promise<void>[] = [];
  const times: number[] = [];
  try {
    const creator = await CountingSession.open(address);
    sessions.push(creator);
    await roundTrips(creator, () => createRequest("/many", data), 1);
    await pipelined(creator, (i) => createRequest(`/many/node-${i}`, data), NODES);
    const begin = performance.now();
    for (let i = 0; i < SESSIONS; i += 50) {
      const batch = await Promise.all(
        Array.from(
          { length: Math.min(50, SESSIONS - i) },
          () => CountingSession.open(address, HEARTBEAT_TIMEOUT_MS, 256),
        ),
      );
      sessions.push(...batch);
      beats.push(...batch.map((session) => heartbeats(session, times, stop.promise)));
    }
    row["handshakes/s"] = SESSIONS / ((performance.now() - begin) / 1000);
    await new Promise((resolve) => setTimeout(resolve, HEARTBEAT_TIMEOUT_MS / 3)); // All have begun.
    times.length = 0;
    const cpu = cpuSeconds(pid);
    const start = performance.now();
    await Promise.race([
      new Promise((resolve) => setTimeout(resolve, HEARTBEAT_TIMEOUT_MS / 3)),
      Promise.all(beats), // A failure ends the run.
    ]);
    row["RSS MiB, loaded"] = residentMiB(pid);
    row["CPU %, heartbeats"] = 100 * (cpuSeconds(pid) - cpu) / ((performance.now() - start) / 1000);
    row["heartbeat p50 µs"] = quantile(times, 0.5) * 1000;
    row["heartbeat p99 µs"] = quantile(times, 0.99) * 1000;
    row["heartbeats"] = times.length;
    const alive = /zk_global_sessions\s+(\d+)/.exec(await fourLetterWord(address, "mntr"))?.[1];
    row["sessions alive"] = Number(alive ?? NaN);
  } finally {
    stop.resolve();
    await Promise.allSettled(beats);
    for (const session of sessions) session[Symbol.dispose]();
  }
  return row;
}

const subjects: Record<string, () => Promise<Subject>> = {
  "embedded": () => embedded(false),
  "embedded, durable": () => embedded(true),
};
if (apacheIsInstalled()) {
  subjects["Apache 3.8"] = () => ApacheZooKeeper.start();
  subjects["Apache, no fsync"] = () => ApacheZooKeeper.start({ properties: { "zookeeper.forceSync": "no" } });
} else {
  console.error("Apache ZooKeeper is NOT INSTALLED here: nothing to compare with.");
}

const chosen = Object.entries(subjects).filter(([name]) => values.only === "" || name === values.only);
const rows: Record<string, Row[]> = {};
for (let round = 1; round <= Number(values.repeat); round++) {
  for (const [name, start] of chosen) {
    console.error(`  ${name}, round ${round}`);
    await using subject = await start();
    (rows[name] ??= []).push(await rates(subject));
  }
}
for (const [name, start] of chosen) {
  if (SESSIONS === 0 || name.includes("no fsync")) continue;
  console.error(`  ${name}, ${SESSIONS} sessions`);
  await using subject = await start();
  (rows[name] ??= []).push(await manySessions(subject));
}
const names = chosen.map(([name]) => name).filter((name) => rows[name] !== undefined);
const labels = new Set(names.flatMap((name) => rows[name]!.flatMap((row) => Object.keys(row))));
console.log(["".padEnd(24), ...names.map((name) => name.padStart(18))].join(""));
for (const label of labels) {
  const cells = names.map((name) => {
    const found = rows[name]!.flatMap((row) => row[label] ?? []);
    return (found.length === 0 ? "–" : quantile(found, 0.5).toFixed(label.includes("CPU µs") ? 1 : 0))
      .padStart(18);
  });
  console.log([label.padEnd(24), ...cells].join(""));
}
