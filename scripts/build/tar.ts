/**
 * A tar archive of a directory, the same bytes for the same files: sorted, no times, no owners.
 *
 * Format: POSIX ustar (pax specification, "ustar Interchange Format"). Regular files only; directories are
 * implied by the names. Names longer than 100 bytes are split at a slash into prefix (155) and name (100).
 */

/** A file to put into an archive. */
export interface TarEntry {
  /** Relative path, with slashes. */
  readonly name: string;
  readonly data: Uint8Array;
  readonly executable: boolean;
}

const BLOCK = 512;

/** The files below `root`, sorted by name. */
export async function filesBelow(root: string, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(`${root}/${prefix}`)) {
    const name = `${prefix}${entry.name}`;
    if (entry.isDirectory) names.push(...await filesBelow(root, `${name}/`));
    else names.push(name);
  }
  return names.sort();
}

/** The archive of `entries`, in the order given. */
export function tarOf(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const padded = (size: number) => Math.ceil(size / BLOCK) * BLOCK;
  const total = entries.reduce((sum, entry) => sum + BLOCK + padded(entry.data.length), 0) + 2 * BLOCK;
  const archive = new Uint8Array(total);
  let at = 0;
  for (const entry of entries) {
    archive.set(headerOf(entry), at);
    archive.set(entry.data, at + BLOCK);
    at += BLOCK + padded(entry.data.length);
  }
  return archive;
}

function headerOf(entry: TarEntry): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  const { prefix, name } = splitName(entry.name);
  put(0, name);
  put(100, octal(entry.executable ? 0o755 : 0o644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(entry.data.length, 11));
  put(136, octal(0, 11));
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\x0000");
  put(345, prefix);
  put(148, `${octal(header.reduce((sum, byte) => sum + byte, 0), 6)}\0 `);
  return header;
}

function splitName(path: string): { prefix: string; name: string } {
  if (path.length <= 100) return { prefix: "", name: path };
  const cut = path.indexOf("/", path.length - 101);
  if (cut < 1 || cut > 155) throw new RangeError(`Cannot archive '${path}': its name is too long for ustar`);
  return { prefix: path.slice(0, cut), name: path.slice(cut + 1) };
}
