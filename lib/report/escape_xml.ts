/** Text that goes into XML or HTML. Pure. */
import { printable } from "../base/printable.ts";

/** Text for XML and HTML, attributes included. Control characters, which XML does not allow, are escaped for the eye. */
export function escapeXml(text: string): string {
  text = printable(text, Infinity);
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}
