/**
 * The rules of znode paths, as Apache's PathUtils has them.
 *
 * Pure: strings in, answers out.
 */

/** Nodes that always exist: they can be neither created again nor deleted. */
export const BUILT_IN_PATHS: readonly string[] = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

const BUILT_IN = new Set(BUILT_IN_PATHS);

/** Whether `path` is one of the nodes that always exist. */
export function isBuiltIn(path: string): boolean {
  return BUILT_IN.has(path);
}

/** The parent of `path`, or null when the path has no slash or holds a NUL. The parent of "/a" is "/". */
export function parentOf(path: string): string | null {
  const slash = path.lastIndexOf("/");
  if (slash < 0 || path.includes("\0")) return null;
  return slash === 0 ? "/" : path.substring(0, slash);
}

/** The last part of `path`. */
export function nameOf(path: string): string {
  return path.substring(path.lastIndexOf("/") + 1);
}

/** Whether a code unit may never stand in a path: control characters, surrogates, private use, specials. */
function isForbidden(code: number): boolean {
  return code <= 0x1f || (code >= 0x7f && code <= 0x9f) || (code >= 0xd800 && code <= 0xf8ff) ||
    code >= 0xfff0;
}

/** Whether `path` may name a node: absolute, no empty, "." or ".." part, no forbidden character. */
export function isValidPath(path: string): boolean {
  const length = path.length;
  if (length === 0 || path.charCodeAt(0) !== 0x2f) return false;
  if (length === 1) return true;
  let partStart = 1;
  for (let i = 1; i <= length; i++) {
    const code = i === length ? 0x2f : path.charCodeAt(i);
    if (code === 0x2f) {
      const partLength = i - partStart;
      if (partLength === 0) return false;
      if (path.charCodeAt(partStart) === 0x2e) {
        if (partLength === 1) return false;
        if (partLength === 2 && path.charCodeAt(partStart + 1) === 0x2e) return false;
      }
      partStart = i + 1;
    } else if (code < 0x20 || code > 0x7e) {
      if (isForbidden(code)) return false;
    }
  }
  return true;
}

/** Ten digits, as Java's "%010d" prints a sequence number. */
export function sequenceSuffix(sequence: number): string {
  return sequence < 0 ? "-" + String(-sequence).padStart(9, "0") : String(sequence).padStart(10, "0");
}
