/**
 * The report's style sheet: light and dark by the reader's setting, always light on paper. No fonts or files from
 * elsewhere.
 */
export const STYLE = `
:root {
  color-scheme: light;
  --ink: #1f2328; --muted: #57606a; --grid: #d9dee3; --paper: #ffffff; --panel: #f6f8fa; --alarm: #b3005e;
  --yes: #00614a; --no: #a33b00; --open: #57606a;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #56b4e9; --c5: #e69f00; --c6: #7a7a7a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --ink: #e6edf3; --muted: #9da7b1; --grid: #343b43; --paper: #14181d; --panel: #1c2128; --alarm: #ff7ac2;
    --yes: #4fd1ab; --no: #ff9d66; --open: #9da7b1;
    --c0: #58a9e0; --c1: #f0833a; --c2: #2cc295; --c3: #dd97bf; --c4: #8ccdf3; --c5: #f2b93b; --c6: #a3a3a3;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1100px; padding: 28px 24px 60px; background: var(--paper); color: var(--ink);
  font: 15.5px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
}
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 20px; margin: 44px 0 10px; padding-bottom: 5px; border-bottom: 1px solid var(--grid); }
h3 { font-size: 16px; margin: 22px 0 6px; }
p { margin: 8px 0; max-width: 78ch; }
a { color: var(--c0); }
.lead { color: var(--muted); margin-top: 0; }
nav a { margin-right: 14px; white-space: nowrap; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 14px 0; font-size: 14.5px; }
.facts dt { color: var(--muted); } .facts dd { margin: 0; }
table { border-collapse: collapse; font-size: 13.5px; margin: 10px 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding-bottom: 4px; }
th, td { padding: 4px 12px 4px 0; text-align: right; vertical-align: top; border-bottom: 1px solid var(--grid); }
th { font-weight: 600; border-bottom-color: var(--muted); }
th.text, td.text { text-align: left; }
td.text { overflow-wrap: break-word; }
.tight table { font-size: 12.5px; } .tight th, .tight td { padding-right: 9px; }
.tight td { white-space: nowrap; } .tight td:last-child { white-space: normal; min-width: 14ch; }
tr.secondary td { color: var(--muted); }
.wide { overflow-x: auto; }
figure { margin: 18px 0; break-inside: avoid; }
figure svg { display: block; max-width: 100%; height: auto; }
figcaption { color: var(--muted); font-size: 13.5px; max-width: 85ch; margin-top: 4px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 8px 22px; }
.finding { background: var(--panel); border-left: 5px solid var(--open); padding: 12px 18px; margin: 14px 0; break-inside: avoid; }
.finding.yes { border-color: var(--yes); } .finding.no { border-color: var(--no); }
.finding h3 { margin: 0 0 4px; }
.verdict { font-weight: 700; color: var(--open); }
.yes .verdict, td .yes { color: var(--yes); } .no .verdict, td .no { color: var(--no); }
details { margin: 10px 0; border: 1px solid var(--grid); border-radius: 6px; padding: 0 14px; }
summary { cursor: pointer; padding: 9px 0; font-weight: 600; }
.remarks li { color: var(--muted); }
.fail { color: var(--no); font-weight: 600; }
footer { margin-top: 50px; color: var(--muted); font-size: 13.5px; border-top: 1px solid var(--grid); padding-top: 10px; }
@media print {
  @page { margin: 16mm 14mm; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  nav, details:not([open]) { display: none; }
  .pair { grid-template-columns: 1fr 1fr; }
  h2, h3 { break-after: avoid; }
  table, .tight table { font-size: 8.5pt; } th, td { padding-right: 7px; }
  tr { break-inside: avoid; }
  a { color: inherit; text-decoration: none; }
  .finding { border: 1px solid var(--muted); border-left-width: 5px; }
}
`;
