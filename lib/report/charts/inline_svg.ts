/** Pictures inside the report's page. Pure. */
import { VARIABLES } from "./theme.ts";

/** The picture for the report's page: as wide as its column, in the page's colours. */
export function inlineSvg(svg: string): string {
  const coloured = VARIABLES.reduce(
    (text, [colour, variable]) => text.replaceAll(new RegExp(colour, "gi"), variable),
    svg,
  );
  return coloured.replace(/^<svg width="[^"]*" height="[^"]*"/, "<svg");
}
