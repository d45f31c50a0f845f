/** CSV by RFC 4180, with line feeds: written and read. Pure. */

/** A field, quoted only when it has to be. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? quoted(text) : text;
}

/** A field in quotes. */
export function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** A row with its line feed; null is an empty field. */
export function csvRow(cells: readonly (string | number | null)[]): string {
  return cells.map((cell) => cell === null ? "" : csvField(String(cell))).join(",") + "\n";
}

/**
 * The rows of a text that are not empty, as fields. Total: any text has rows; a quote that nothing closes ends with its
 * line. Lines may end with a carriage return and a line feed, too.
 */
export function* csvRows(text: string): Generator<string[]> {
  for (let at = 0; at < text.length;) {
    const line = lineEnd(text, at);
    const end = oddQuotes(text.slice(at, line)) ? closed(text, line) ?? line : line;
    const row = text.slice(at, end > at && text[end - 1] === "\r" ? end - 1 : end);
    if (row !== "") yield fieldsOf(row);
    at = end + 1;
  }
}

/** The end of the row in which a quote is open at `end`, the end of a line; undefined if nothing closes it. */
function closed(text: string, end: number): number | undefined {
  // A field in quotes may hold line feeds.
  while (end < text.length) {
    const next = lineEnd(text, end + 1);
    if (oddQuotes(text.slice(end + 1, next))) return next;
    end = next;
  }
  return undefined;
}

function lineEnd(text: string, from: number): number {
  const at = text.indexOf("\n", from);
  return at < 0 ? text.length : at;
}

function oddQuotes(line: string): boolean {
  let odd = false;
  for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at + 1)) odd = !odd;
  return odd;
}

function fieldsOf(row: string): string[] {
  if (!row.includes('"')) return row.split(",");
  const fields: string[] = [];
  for (let at = 0; at <= row.length;) {
    const [field, end] = row[at] === '"' ? unquoted(row, at + 1) : plain(row, at);
    fields.push(field);
    at = end + 1;
  }
  return fields;
}

/** The field without quotes that begins at `from`, and where it ends. */
function plain(row: string, from: number): [field: string, end: number] {
  const comma = row.indexOf(",", from);
  const end = comma < 0 ? row.length : comma;
  return [row.slice(from, end), end];
}

/** The field whose opening quote is before `from`, and where its comma is. */
function unquoted(row: string, from: number): [field: string, end: number] {
  let field = "";
  for (;;) {
    const quote = row.indexOf('"', from);
    if (quote < 0) return [field + row.slice(from), row.length];
    field += row.slice(from, quote);
    if (row[quote + 1] !== '"') {
      // What stands between the quote and the comma belongs to the field.
      const [rest, end] = plain(row, quote + 1);
      return [field + rest, end];
    }
    field += '"';
    from = quote + 2;
  }
}
