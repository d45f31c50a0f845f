/** Small pieces of HTML: escaping, tables, figures, numbers. Pure. */
import { escapeXml } from "../escape_xml.ts";

export { escapeXml as escape };

/** A column: its head, whether it holds text (left) or numbers (right). */
export interface Column {
  readonly head: string;
  readonly text?: boolean;
}

/** A table; cells are HTML. A row may carry a class. */
export function tableOf(
  columns: readonly Column[],
  rows: readonly { readonly cells: readonly string[]; readonly kind?: string }[],
  caption = "",
): string {
  const side = (i: number) => columns[i]?.text === true ? ' class="text"' : "";
  const head = columns.map(({ head }, i) => `<th${side(i)}>${escapeXml(head)}</th>`).join("");
  const body = rows.map(({ cells, kind }) =>
    `<tr${kind === undefined ? "" : ` class="${kind}"`}>${
      cells.map((cell, i) => `<td${side(i)}>${cell}</td>`).join("")
    }</tr>`
  ).join("\n");
  const above = caption === "" ? "" : `<caption>${escapeXml(caption)}</caption>`;
  return `<div class="wide"><table>${above}<thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** A picture with words below it. */
export function figureOf(svg: string, caption: string): string {
  return `<figure>\n${svg}<figcaption>${escapeXml(caption)}</figcaption></figure>`;
}

/** A number with three significant digits, a dash for none. */
export function significant(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (value === 0) return "0";
  const text = size >= 1000
    ? value.toFixed(0)
    : size >= 0.001
    ? value.toPrecision(3)
    : value.toExponential(1);
  return text.replaceAll("-", "−");
}
