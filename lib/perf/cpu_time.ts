/** How busy the machine's cores were between two moments, from the first line of /proc/stat. Pure but for reading. */

/** Ticks since the machine started, over all cores. */
export interface CpuTime {
  readonly busy: number;
  readonly total: number;
}

/** Reads the first line of /proc/stat; undefined when it is none (proc(5): user nice system idle iowait …). */
export function parseCpuTime(stat: string): CpuTime | undefined {
  const ticks = /^cpu\s+([\d ]+)$/m.exec(stat)?.[1]?.trim().split(/\s+/).map(Number);
  if (ticks === undefined || ticks.length < 5) return undefined;
  // Guest time is counted in user time already: the first eight are the whole.
  const total = ticks.slice(0, 8).reduce((sum, value) => sum + value, 0);
  return { total, busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0) };
}

/** The share of all cores' time that was used between two moments, 0 to 1; null when it is not known. */
export function busyShare(before: CpuTime | undefined, after: CpuTime | undefined): number | null {
  if (before === undefined || after === undefined || after.total <= before.total) return null;
  return (after.busy - before.busy) / (after.total - before.total);
}

/** Now; undefined where there is no /proc. */
export async function cpuTime(): Promise<CpuTime | undefined> {
  return await Deno.readTextFile("/proc/stat").then(parseCpuTime, () => undefined);
}
