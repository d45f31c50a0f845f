/** Names in the order that people expect: `s-2` before `s-10`. Pure. */

const PARTS = /\d+|\D+/g;

/** Compares by runs of digits as numbers and everything else by character; a total order. */
export function compareNaturally(a: string, b: string): number {
  const [left, right] = [a.match(PARTS) ?? [], b.match(PARTS) ?? []];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareParts(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length || (a < b ? -1 : a > b ? 1 : 0);
}

function compareParts(a: string, b: string): number {
  if (/^\d/.test(a) && /^\d/.test(b)) {
    const [left, right] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
    return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
