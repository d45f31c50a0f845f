/** Waiting for a moment in which the machine has little else to do: what others do is not what is measured. */

/** Share of the processors that must be idle, over one second. */
const IDLE = 0.8;

/** Jiffies since the start of the machine: idle ones and all. */
function jiffies(): { idle: number; all: number } {
  const [line] = Deno.readTextFileSync("/proc/stat").split("\n", 1) as [string];
  const fields = line.split(/\s+/).slice(1, 9).map(Number);
  return {
    idle: fields[3]! + fields[4]!,
    all: fields.reduce((sum, field) => sum + field, 0),
  };
}

/**
 * Wait until the machine is quiet, at most `seconds`.
 *
 * @returns the share that was idle in the last second.
 */
export async function settle(seconds: number): Promise<number> {
  let share = 0;
  for (let waited = 0; waited < seconds; waited++) {
    const before = jiffies();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const after = jiffies();
    share = (after.idle - before.idle) / Math.max(1, after.all - before.all);
    if (share >= IDLE) break;
  }
  return share;
}
