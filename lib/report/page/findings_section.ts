/** The findings with their verdicts, the statistics behind them, and the growth models. HTML, pure. */
import type { Growth } from "../growth_findings.ts";
import { formulaOf } from "../growth.ts";
import type { Finding, Statistic, Verdict } from "../verdict.ts";
import { escape, significant, tableOf } from "./markup.ts";

const KIND: Record<Verdict, string> = { supported: "yes", "not supported": "no", undecided: "open" };
/** A sign beside the word and the colour. */
const SIGN: Record<Verdict, string> = { supported: "✓", "not supported": "✗", undecided: "?" };

/** A verdict as a word with a sign. */
export function verdictText(verdict: Verdict): string {
  return `<span class="verdict">${SIGN[verdict]} ${verdict}</span>`;
}

/** The overview: a row a finding. */
export function findingsOverview(findings: readonly Finding[]): string {
  return tableOf(
    [{ head: "" }, { head: "finding", text: true }, { head: "verdict", text: true }],
    findings.map(({ number, claim, verdict }) => ({
      kind: KIND[verdict],
      cells: [String(number), escape(claim), verdictText(verdict)],
    })),
  );
}

/** Each finding with what decided it. */
export function findingsDetail(findings: readonly Finding[]): string {
  return findings.map(({ number, claim, verdict, reason, statistics }) => `
<section class="finding ${KIND[verdict]}">
<h3>${number}. ${escape(claim)}</h3>
<p>${verdictText(verdict)}. ${escape(reason)}</p>
${statistics.length === 0 ? "" : statisticsTable(statistics)}
</section>`).join("\n");
}

function statisticsTable(statistics: readonly Statistic[]): string {
  const intervals = statistics.some(({ interval }) => Number.isFinite(interval.low));
  return tableOf(
    [
      { head: "statistic", text: true },
      { head: "estimate" },
      ...intervals ? [{ head: "95 % interval" }] : [],
      { head: "unit", text: true },
      { head: "decides", text: true },
    ],
    statistics.map(({ label, unit, interval, decides }) => ({
      ...decides ? {} : { kind: "secondary" },
      cells: [
        escape(label),
        significant(interval.estimate),
        ...intervals ? [`${significant(interval.low)} to ${significant(interval.high)}`] : [],
        escape(unit),
        decides ? "yes" : "for comparison",
      ],
    })),
  );
}

/** The models of both modes. */
export function growthTable(growths: readonly Growth[]): string {
  return tableOf(
    [
      { head: "mode", text: true },
      { head: "model", text: true },
      { head: "fitted median [ms], n clients", text: true },
      { head: "RSS [ms²]" },
      { head: "R²" },
      { head: "AICc" },
      { head: "ΔAICc" },
      { head: "weight" },
      { head: "best in resamples" },
    ],
    growths.flatMap(({ mode, fits, chosen }) =>
      fits.map((fit, i) => ({
        ...i === 0 ? {} : { kind: "secondary" },
        cells: [
          mode,
          fit.model,
          escape(formulaOf(fit)),
          significant(fit.rss),
          fit.model === "constant" ? "0" : significant(fit.r2),
          fit.aicc.toFixed(1),
          fit.delta.toFixed(1),
          fit.weight.toFixed(2),
          `${(chosen[fit.model] * 100).toFixed(0)} %`,
        ],
      }))
    ),
  );
}
