/** Which exit codes a publisher may end with: 1 only for subscribers that it names, and that are not there any more. */
import type { Actor } from "./actor.ts";
import type { World } from "./world.ts";

const NAMED = / ERROR .*: (\S+) has (?:not acknowledged|lost) \d+ .*samples of topic /;

/** Whether this end of a process is in order. Whoever is still there has everything: the ledger sees to that. */
export function endsWell(world: World, actor: Actor, code: number): boolean {
  if (code === 0) return true;
  if (actor.kind !== "publisher" || code !== 1) return false;
  const errors = actor.stderr.filter((line) => line.includes(" ERROR "));
  const here = new Set(world.of("subscriber").map(({ actor: { name } }) => name));
  return errors.length > 0 && errors.every((line) => {
    const name = NAMED.exec(line)?.[1];
    return name !== undefined && !here.has(name);
  });
}
