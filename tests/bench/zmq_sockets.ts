/**
 * What the socket layer costs: round trips, one-way latency at 10,000 messages a second, and throughput, between two
 * processes. Run: `deno run -A tests/bench/zmq_sockets.ts`. Takes about 20 s; figures go to standard output.
 */
import { Socket } from "../../lib/zmq/socket.ts";

const ANY = "tcp://127.0.0.1:0";
const RATE = 10_000;
const LATENCY_SECONDS = 4;

/** The current time in microseconds, the same in every process of this host. */
const nowUs = () => (performance.timeOrigin + performance.now()) * 1000;

/** Processor time of this process so far, in microseconds. */
function processorUs(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function percentiles(values: number[]): string {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (part: number) => Math.round(sorted[Math.floor(part * (sorted.length - 1))] ?? NaN);
  return `p50 ${at(0.5)} µs, p90 ${at(0.9)} µs, p99 ${at(0.99)} µs, max ${at(1)} µs`;
}

function startChild(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL(import.meta.url).pathname, ...args],
  }).spawn();
}

async function roundTrips(): Promise<void> {
  const count = 5000;
  await using router = new Socket("router");
  const child = startChild("requester", router.bind(ANY), `${count}`);
  let replies = 0;
  for await (const batch of router.messages()) {
    for (const message of batch) router.send(message);
    replies += batch.length;
    if (replies === count) break;
  }
  await child.status;
}

async function requester(endpoint: string, count: number): Promise<void> {
  await using dealer = new Socket("dealer");
  dealer.connect(endpoint);
  const replies = dealer.messages();
  const times: number[] = [];
  const before = processorUs();
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    dealer.send(new Uint8Array(64));
    await replies.next();
    times.push((performance.now() - start) * 1000);
  }
  const processor = ((processorUs() - before) / count).toFixed(0);
  console.log(
    `dealer/router round trip, 64 B: ${percentiles(times)}; processor ${processor} µs a round trip`,
  );
}

/** A subscriber here, a publisher in another process; `onBatch` gets what came, until it says true. */
async function receive(args: string[], onBatch: (batch: Uint8Array[][]) => boolean): Promise<void> {
  await using subscriber = new Socket("xsub");
  const endpoint = subscriber.bind(ANY);
  subscriber.send(new Uint8Array([1]));
  const child = startChild("publisher", endpoint, ...args);
  let all = false;
  // What is under way when the publisher has ended arrives soon after, or never.
  const over = child.status.then(async () => {
    for (let looks = 0; looks < 40 && !all; looks++) await new Promise((resolve) => setTimeout(resolve, 50));
    subscriber.close();
  });
  for await (const batch of subscriber.messages()) {
    all = onBatch(batch);
    if (all) break;
  }
  if (!all) console.log("  the connection was cut, or the sender gave up: not everything arrived");
  await over;
}

async function latency(): Promise<void> {
  const times: number[] = [];
  const before = processorUs();
  await receive(["64", `${RATE * LATENCY_SECONDS}`, `${RATE}`], (batch) => {
    const now = nowUs();
    for (const [bytes] of batch) {
      if (bytes !== undefined) times.push(now - new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0));
    }
    return times.length >= RATE * LATENCY_SECONDS;
  });
  const processor = ((processorUs() - before) / times.length).toFixed(1);
  const steady = times.slice(RATE);
  console.log(`one way, 64 B, ${RATE} a second: ${percentiles(steady)}; processor ${processor} µs a message`);
}

async function throughput(size: number, count: number): Promise<void> {
  let received = 0;
  let start = 0;
  let before = 0;
  await receive([`${size}`, `${count}`, "0"], (batch) => {
    if (received === 0) {
      start = performance.now();
      before = processorUs();
    }
    received += batch.length;
    return received >= count;
  });
  const rate = Math.round(received / (performance.now() - start) * 1000);
  const processor = ((processorUs() - before) / received).toFixed(1);
  console.log(`throughput, ${size} B: received ${rate} messages/s, processor ${processor} µs a message`);
}

async function publisher(endpoint: string, size: number, count: number, rate: number): Promise<void> {
  await using socket = new Socket("xpub", { sendHighWaterMark: 0, linger: 60_000 });
  socket.connect(endpoint);
  await socket.messages().next();
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const start = performance.now();
  const before = processorUs();
  for (let sent = 0; sent < count;) {
    const due = rate === 0 ? Math.min(count, sent + 100) : (performance.now() - start) * rate / 1000;
    for (; sent < due && sent < count; sent++) {
      view.setFloat64(0, nowUs());
      socket.send(bytes);
    }
    if (rate === 0) await new Promise((resolve) => setImmediate(resolve));
    else Atomics.wait(clock, 0, 0, 0.05);
  }
  if (rate === 0) {
    console.log(`  sent with ${((processorUs() - before) / count).toFixed(1)} µs processor a message`);
  }
}

const [mode, endpoint = "", ...numbers] = Deno.args;
const [first = 0, second = 0, third = 0] = numbers.map(Number);
if (mode === "requester") await requester(endpoint, first);
else if (mode === "publisher") await publisher(endpoint, first, second, third);
else {
  await roundTrips();
  await latency();
  for (const [size, count] of [[64, 300_000], [5000, 60_000], [65_536, 8000]] as const) {
    await throughput(size, count);
  }
}
