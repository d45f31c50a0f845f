/** The backup pools, the last steps of scaling and moving, and the reasons, as an operator sees them. Pure. */
import { compareNaturally } from "../base/natural_order.ts";
import type { RebalanceStep } from "../broker/rebalancer.ts";
import { type PoolMember, type ScalingPlan, stepText } from "../pool/scaling_plan.ts";

/** One live backup pool. */
export interface PoolView {
  readonly id: string;
  readonly host: string;
  /** Whether it decides. */
  readonly acting: boolean;
  /** Zones it runs at most. */
  readonly most: number;
  /** Brokers that wait for a zone. */
  readonly warm: number;
  readonly zones: readonly { readonly zone: number; readonly state: string; readonly restarts: number }[];
}

/** Something that was done, and why. */
export interface StepView {
  /** ISO 8601. */
  readonly time: string;
  readonly text: string;
}

/** Everything about scaling. */
export interface ScalingView {
  readonly pools: readonly PoolView[];
  /** Above it zones are started, null when no pool has ever acted. */
  readonly threshold: number | null;
  /** Below it zones are ended. */
  readonly low: number | null;
  /** Why nothing is done although something should be. */
  readonly waiting: string | null;
  /** The last steps, the newest last. */
  readonly steps: readonly StepView[];
  /** The last step of moving clients. */
  readonly moves: StepView | null;
}

/** What was read. */
export interface ScalingRecords {
  readonly plan?: ScalingPlan | undefined;
  readonly members?: ReadonlyMap<string, PoolMember> | undefined;
  readonly rebalance?: RebalanceStep | undefined;
}

/** What the records mean. */
export function scalingViewOf({ plan, members, rebalance }: ScalingRecords): ScalingView {
  const pools = [...members?.values() ?? []].sort((a, b) => compareNaturally(a.pool, b.pool));
  return {
    pools: pools.map(({ pool, host, most, warm, zones }) => ({
      id: pool,
      host,
      acting: plan?.acting === pool,
      most,
      warm,
      zones: zones.map(({ zone, state, restarts }) => ({ zone, state, restarts }))
        .sort((a, b) => a.zone - b.zone),
    })),
    threshold: plan?.threshold ?? null,
    low: plan?.low ?? null,
    waiting: pools.length > 0 ? plan?.waiting ?? null : null,
    steps: plan?.steps.map((step) => ({ time: iso(step.time), text: stepText(step) })) ?? [],
    moves: rebalance === undefined ? null : { time: iso(rebalance.time), text: movesText(rebalance) },
  };
}

function movesText({ moves, reason }: RebalanceStep): string {
  const parts = moves.map(({ from, to, count }) =>
    `${count} ${count === 1 ? "client" : "clients"} from zone ${from} to zone ${to}`
  );
  return `${parts.join(", ")}: ${reason}`;
}

function iso(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "unknown" : date.toISOString();
}

/** One row a pool, for a table: id, whether it acts, its zones, how many at most, warm brokers, host. */
export function poolRows({ pools }: ScalingView): string[][] {
  return pools.map(({ id, acting, zones, most, warm, host }) => [
    id,
    acting ? "yes" : "no",
    zones.map(zoneText).join(", ") || "none",
    String(most),
    String(warm),
    host,
  ]);
}

/** The heading of {@link poolRows}. */
export const POOL_COLUMNS: readonly string[] = ["POOL", "ACTS", "ZONES", "MOST", "WARM", "HOST"];

function zoneText({ zone, state, restarts }: PoolView["zones"][number]): string {
  const again = restarts === 0 ? "" : `, ${restarts} ${restarts === 1 ? "restart" : "restarts"}`;
  return state === "serving" && restarts === 0 ? String(zone) : `${zone} (${state}${again})`;
}

/** The steps as lines, the newest last; none when nothing was ever done. */
export function stepLines({ threshold, low, waiting, steps, moves }: ScalingView): string[] {
  const lines: string[] = [];
  if (threshold !== null) {
    lines.push(`above a load of ${threshold} zones are started, below ${low} they are ended`);
  }
  const all = [...steps, ...moves === null ? [] : [moves]];
  // Times are ISO 8601, in the order of their text; what was done at one time stays in its order.
  all.sort((a, b) => a.time < b.time ? -1 : a.time > b.time ? 1 : 0);
  for (const { time, text } of all) lines.push(`${time}  ${text}`);
  if (waiting !== null) lines.push(`waiting: ${waiting}`);
  return lines;
}
