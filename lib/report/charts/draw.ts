/**
 * Options to an SVG picture, by echarts' server-side rendering; no browser. The only file that runs echarts.
 */
import { init, use } from "echarts/core";
import { BoxplotChart, CustomChart, LineChart, ScatterChart } from "echarts/charts";
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
} from "echarts/components";
import { SVGRenderer } from "echarts/renderers";
import { escapeXml } from "../escape_xml.ts";
import { BASE } from "./theme.ts";

use([
  BoxplotChart,
  CustomChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  SVGRenderer,
]);

/** What is to be drawn. */
export interface Chart {
  readonly width: number;
  readonly height: number;
  /** In words, for those who do not see the picture. */
  readonly description: string;
  /** echarts' options. */
  readonly options: Record<string, unknown>;
}

/** The picture as an SVG document on white. */
export function drawSvg(chart: Chart): string {
  const { width, height } = chart;
  const instance = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    instance.setOption({ ...BASE, ...chart.options });
    const svg = instance.renderToSVGString({ useViewBox: true });
    return described(svg, chart);
  } finally {
    instance.dispose();
  }
}

/** Adds the size and description that echarts leaves out, and takes out its classes for a mouse that hovers. */
function described(rendered: string, { width, height, description }: Chart): string {
  const svg = rendered.replaceAll(/<style\b[^>]*>.*?<\/style>\s*/gs, "").replaceAll(/ class="[^"]*"/g, "");
  const attributes = `<svg width="${width}" height="${height}" role="img"`;
  return svg.replace(/^<svg(?: width="[^"]*")?(?: height="[^"]*")?/, attributes)
    .replace(/^(<svg[^>]*>)/, `$1\n<title>${escapeXml(description)}</title>`) + "\n";
}
