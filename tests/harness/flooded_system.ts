/** A small live system whose every port is known, to be flooded: a broker, a publisher, a subscriber in each mode. */
import { until } from "./condition.ts";
import { type Flood, pour, TO_CONTROL, TO_EGRESS, TO_INGRESS, TO_PUBLISHERS } from "./flood.ts";
import type { Pubsub } from "./process.ts";
import type { System } from "./system.ts";
import { freePort } from "./zookeeper.ts";

const MIB = 1024 * 1024;
const PAGE_BYTES = 4096;

/** A port that can be flooded. */
export type Port = "control" | "ingress" | "egress" | "publisher";

/** The floods that are meant for a port. */
export const FLOODS: Record<Port, readonly Flood[]> = {
  control: TO_CONTROL,
  ingress: TO_INGRESS,
  egress: TO_EGRESS,
  publisher: TO_PUBLISHERS,
};

/** The live system. */
export class FloodedSystem {
  /** By role; the processes must all outlive every flood. */
  readonly processes: Record<string, Pubsub>;
  readonly #ports: Record<Port, number>;
  #floods = 0;
  readonly #peaks = new Map<string, number>();

  private constructor(ports: Record<Port, number>, processes: Record<string, Pubsub>) {
    this.#ports = ports;
    this.processes = processes;
  }

  static async start(system: System): Promise<FloodedSystem> {
    const ports = { control: freePort(), ingress: freePort(), egress: freePort(), publisher: freePort() };
    const here = ["--address", "127.0.0.1"];
    const broker = await system.broker(
      ...here,
      ...["--control-port", String(ports.control), "--ingress-port", String(ports.ingress)],
      ...["--egress-port", String(ports.egress)],
    );
    const publisher = system.start(
      ["publisher", ...here, "--id", "p1", "--topics", "A", "--sleep", "0.02", "--indefinite"].concat(
        ["--bind-port", String(ports.publisher)],
      ),
    );
    const subscriber = (mode: string) => system.start(["subscriber", "--topics", "A", "--indefinite", mode]);
    const direct = subscriber("--direct");
    const centralized = subscriber("--centralized");
    const flooded = new FloodedSystem(ports, { broker, publisher, direct, centralized });
    await flooded.goesOn();
    return flooded;
  }

  /** Resident memory of a process, MiB. */
  memory(role: string): number {
    const pages = Deno.readTextFileSync(`/proc/${this.processes[role]!.pid}/statm`).split(" ")[1];
    return Number(pages) * PAGE_BYTES / MIB;
  }

  /** The most that a process had while a flood was watched, MiB. */
  peak(role: string): number {
    return this.#peaks.get(role) ?? 0;
  }

  /** Every process is alive, and samples come in both modes, within so long each. */
  async goesOn(deadlineMs = 20_000): Promise<void> {
    for (const [role, process] of Object.entries(this.processes)) {
      if (!process.running) throw new Error(`The ${role} has ended: ${process.stderr.slice(-3).join("\n")}`);
    }
    for (const role of ["direct", "centralized"]) {
      const { stdout } = this.processes[role]!;
      const before = stdout.length;
      await until(`samples at the ${role} subscriber`, () => stdout.length >= before + 5, deadlineMs);
    }
  }

  /** The endpoint of a port. */
  endpoint(port: Port): string {
    return `tcp://127.0.0.1:${this.#ports[port]}`;
  }

  /** Pour a flood into a port, watching the memory of the process behind it. @param endOf see {@link pour}. */
  async pour(port: Port, flood: Flood, endOf = 1): Promise<void> {
    const watching = setInterval(() => {
      for (const role of ["broker", "publisher"]) {
        this.#peaks.set(role, Math.max(this.peak(role), this.memory(role)));
      }
    }, 20);
    try {
      // From another address each time: who has poured in before is not let in.
      await pour(flood, this.endpoint(port), endOf, `127.0.1.${1 + this.#floods++ % 250}`);
    } finally {
      clearInterval(watching);
    }
  }
}
