/**
 * `test_results/<mode>/<network>.csv`: one row a repeat, how many checks passed and failed, and what was wrong. Pure.
 */
import { quoted } from "../base/csv.ts";
import type { Check } from "./run_record.ts";

const HEADER = "pass,fail,comments,repeat";

/** The table with the row of `repeat` added or replaced, sorted by repeat. */
export function withResult(table: string, repeat: number, checks: readonly Check[]): string {
  const rows = new Map<number, string>();
  for (const line of table.split("\n").slice(1)) {
    const number = Number(/,(\d+)$/.exec(line)?.[1]);
    if (number > 0) rows.set(number, line);
  }
  const failed = checks.filter((check) => !check.pass);
  const comments = failed.map(({ name, comment }) => `not: ${name}${comment === "" ? "" : ` (${comment})`}`)
    .join("; ");
  const comment = quoted((comments === "" ? "all checks pass" : comments).replaceAll(/\s+/g, " "));
  rows.set(repeat, `${checks.length - failed.length},${failed.length},${comment},${repeat}`);
  const sorted = [...rows].sort(([one], [other]) => one - other).map(([, line]) => line);
  return [HEADER, ...sorted, ""].join("\n");
}
