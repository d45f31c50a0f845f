/** CPU time and memory of running processes, as Linux tells them. A process that has ended counts as nothing. */

/** Clock ticks a second in `/proc/<pid>/stat` on every Linux that Deno runs on. */
const TICKS = 100;

/** What one process has used and holds. */
export interface ProcessFigures {
  /** User and system, all threads, since the start. */
  cpuSeconds: number;
  residentBytes: number;
  /** The most it ever held. */
  peakBytes: number;
}

/** The figures of a process; undefined when it is gone. */
export function processFigures(pid: number): ProcessFigures | undefined {
  try {
    return {
      cpuSeconds: cpuSecondsIn(Deno.readTextFileSync(`/proc/${pid}/stat`)),
      ...memoryIn(Deno.readTextFileSync(`/proc/${pid}/status`)),
    };
  } catch {
    return undefined;
  }
}

/** CPU seconds in the text of `/proc/<pid>/stat`. The name in it may hold spaces and brackets. */
export function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Memory in the text of `/proc/<pid>/status`. */
export function memoryIn(status: string): { residentBytes: number; peakBytes: number } {
  const kilobytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  return { residentBytes: kilobytes("VmRSS"), peakBytes: kilobytes("VmHWM") };
}
