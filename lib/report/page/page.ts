/** The report's page: one HTML document that needs nothing else. Pure. */
import { type Analysis, FAILOVER_MS } from "../analysis.ts";
import { findingsDetail, findingsOverview, growthTable } from "./findings_section.ts";
import { escape, figureOf } from "./markup.ts";
import { factsList, failoverTable } from "./runs_section.ts";
import { runsTable } from "./runs_table.ts";
import { STYLE } from "./style.ts";

/** The pictures, as SVG for this page. */
export interface PagePictures {
  readonly clients: string;
  readonly growth: string;
  readonly distribution: string;
  /** A box plot by hosts for each mode. */
  readonly hosts: readonly string[];
  /** Each subscriber's, by run. */
  readonly runs: readonly { readonly title: string; readonly pictures: readonly string[] }[];
}

/** The whole document. */
export function pageOf(analysis: Analysis, pictures: PagePictures, { version }: { version: string }): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>pubsub: performance report</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Publish/subscribe performance: direct and centralized</h1>
<p class="lead">Latency of samples from publishing to delivery, and the five findings of the earlier framework put to
the test.</p>
<nav><a href="#findings">Findings</a><a href="#clients">Latency and clients</a><a href="#distribution">Distribution</a>
<a href="#failover">Failover</a><a href="#runs">Runs</a><a href="#subscribers">Subscribers</a><a href="#method">Method</a></nav>
${factsList(analysis)}
<p>${escape(analysis.clock)}</p>
</header>
<main>
<h2 id="findings">The five findings</h2>
${leftOut(analysis)}
${findingsOverview(analysis.findings)}
${findingsDetail(analysis.findings)}

<h2 id="clients">Latency against the number of clients</h2>
${figureOf(pictures.clients, "Medians of the samples outside the seconds after the broker's death.")}
${
    figureOf(
      pictures.growth,
      "Above: the four models fitted to the runs' medians by least squares. Below: what they leave over.",
    )
  }
${growthTable(analysis.growths)}

<h2 id="distribution">Distribution</h2>
<div class="pair">${
    pictures.hosts.map((svg) => figureOf(svg, "Logarithmic scale, the same for both modes.")).join("\n")
  }</div>
${figureOf(pictures.distribution, "Logarithmic time axis; every live sample, the failover included.")}

<h2 id="failover">Failover</h2>
${failoverTable(analysis)}

<h2 id="runs">Runs</h2>
${runsTable(analysis)}
${remarks(analysis)}

<h2 id="subscribers">Subscribers</h2>
<p>Each subscriber of every network's first repeat: latency along the time, with the broker's death marked, and a box
for each publisher. The pictures of all repeats are SVG files in <code>plots/</code>.</p>
${pictures.runs.map(runDetails).join("\n")}

<h2 id="method">Method</h2>
${method()}
</main>
<footer>Made by pubsub ${
    escape(version)
  }. Tables as CSV and JSON: <code>tables/</code>. Pictures: <code>plots/</code>.</footer>
</body>
</html>
`;
}

function leftOut({ results, counted }: Analysis): string {
  const failed = results.length - counted.length;
  if (failed === 0) return "";
  return `<p>${failed} of ${results.length} runs failed a check (see <a href="#runs">Runs</a>). They are in the tables and
in the distributions, but the findings, the medians and the growth do not rest on them.</p>`;
}

function remarks({ remarks }: Analysis): string {
  if (remarks.length === 0) return "";
  return `<h3>Remarks</h3><ul class="remarks">${
    remarks.map((remark) => `<li>${escape(remark)}</li>`).join("\n")
  }</ul>`;
}

function runDetails({ title, pictures }: PagePictures["runs"][number]): string {
  return `<details><summary>${escape(title)}</summary><div class="pair">${
    pictures.map((svg) => `<figure>${svg}</figure>`).join("\n")
  }</div></details>`;
}

function method(): string {
  return `
<p>Latency is receive time minus publish time of live samples; history that is replayed to a late subscriber does not
count. A network's number is the median over its subscribers of all repeats, and a subscriber's the median of its
samples. The findings use the samples outside ${
    FAILOVER_MS / 1000
  } seconds after a broker's death (for comparison
also all of them), so that they tell about dissemination and not about failover.</p>
<p>Intervals are 95 % percentile bootstrap intervals (2,000 resamples, seeded): repeats are drawn anew with
replacement, and in each the subscribers, because samples of one run share its conditions. A network counts when both
modes have at least three repeats of it whose checks passed; statements about growth need five sizes. An effect is supported when its
interval lies on the claimed side of "no effect", not supported when it lies on the other side or within 5 % of "no
effect", undecided otherwise.</p>
<p>Growth: constant, linear, n log n and quadratic, fitted by least squares to the medians of the runs and compared by
AICc, the Akaike information criterion corrected for few points; a difference below 2 does not tell models apart. The
weight is the chance, among these four, that a model predicts best. Networks of the same size but another shape are
points at the same number of clients.</p>
<p>All processes of a run share the machine's cores: with many clients the latency includes waiting for a core, in both
modes alike.</p>`;
}
