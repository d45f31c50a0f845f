/**
 * Floods: what a peer pours into the ports of a live system, over and over; each flood once in full, and once with
 * the peer gone in the middle.
 *
 *     deno run -A tests/chaos/floods.ts [--rounds 20] [--port control|ingress|egress|publisher] [--only PATTERN]
 *         [--nonstop]
 *
 * With `--nonstop` one flood comes right after the other, and samples are looked for after the last. No process may
 * end, samples go on in both modes, and memory comes back to within 64 MiB. Exit code 1 when not.
 */
import { parseArgs } from "node:util";
import { until } from "../harness/condition.ts";
import { FloodedSystem, FLOODS, type Port } from "../harness/flooded_system.ts";
import { System } from "../harness/system.ts";
import { startCoordinator } from "../harness/zookeeper.ts";

const MAX_LEFT_MIB = 64;
const SETTLE_MS = 30_000;
const WATCHED = ["broker", "publisher"];

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    port: { type: "string" },
    only: { type: "string", default: "" },
    nonstop: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const ports = values.port === undefined ? Object.keys(FLOODS) as Port[] : [values.port as Port];

await using coordinator = await startCoordinator();
await using system = new System(coordinator, `${coordinator.servers}/floods`);
const flooded = await FloodedSystem.start(system);
// What the first floods leave behind is no growth: code and tables that are used from then on.
const before = Object.fromEntries(WATCHED.map((role) => [role, flooded.memory(role)]));
try {
  for (const port of ports) {
    for (const flood of FLOODS[port].filter(({ name }) => name.includes(values.only))) {
      const started = performance.now();
      for (let round = 0; round < rounds; round++) {
        await flooded.pour(port, flood);
        if (!values.nonstop) await flooded.goesOn();
        await flooded.pour(port, flood, Math.random());
        if (!values.nonstop) await flooded.goesOn();
      }
      await flooded.goesOn();
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const figures = WATCHED.map((role) =>
        `${role} ${flooded.memory(role).toFixed(0)} MiB, peak ${flooded.peak(role).toFixed(0)}`
      );
      console.log(`${port}: ${2 * rounds} × ${flood.name}, ${seconds} s; ${figures.join("; ")}`);
    }
  }
  for (const role of WATCHED) {
    await until(
      `the ${role}'s memory to come back from ${flooded.memory(role)} to ${before[role]} MiB`,
      () => {
        return flooded.memory(role) <= before[role]! + MAX_LEFT_MIB;
      },
      SETTLE_MS,
    );
    console.log(
      `${role}: ${before[role]!.toFixed(0)} MiB before, ${flooded.memory(role).toFixed(0)} MiB after`,
    );
  }
} catch (error) {
  console.error(String(error));
  for (const [role, { stderr }] of Object.entries(flooded.processes)) {
    console.error(`${role} said:\n${stderr.slice(-15).join("\n")}`);
  }
  Deno.exitCode = 1;
}
