/**
 * How busy the machine's cores were between two moments, by everybody (/proc/stat) and by the processes that this one
 * has started and seen end (/proc/self/stat). Pure but for reading.
 */

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

/** Linux counts in hundredths of a second, on every architecture. */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time that the ended children had, from /proc/self/stat (proc(5): cutime, cstime). */
export function parseChildrenSeconds(stat: string): number | undefined {
  // The name, in brackets, may hold anything; the third field is the first behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const ticks = (fields[13] ?? NaN) + (fields[14] ?? NaN);
  return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : undefined;
}

/** Of this process's children, now; undefined where there is no /proc. */
export async function childrenSeconds(): Promise<number | undefined> {
  return await Deno.readTextFile("/proc/self/stat").then(parseChildrenSeconds, () => undefined);
}

/** Now; undefined where there is no /proc. */
export async function cpuTime(): Promise<CpuTime | undefined> {
  return await Deno.readTextFile("/proc/stat").then(parseCpuTime, () => undefined);
}
