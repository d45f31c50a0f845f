/**
 * Whether this run may do what integration tests need. `deno test` without flags passes on a fresh clone: tests that
 * open sockets, start processes or load native libraries are `Deno.test({ name: title("…"), ignore: !unrestricted, fn })`.
 */
const NAMES = ["run", "net", "ffi", "read", "write", "env", "sys"] as const;

/** Whether every permission is granted. */
export const unrestricted: boolean = NAMES.every((name) =>
  Deno.permissions.querySync({ name }).state === "granted"
);

/** A test's name, and the flag it wants when that is missing. */
export function title(sentence: string): string {
  return unrestricted ? sentence : `${sentence} (ignored: needs -A)`;
}
