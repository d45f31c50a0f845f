/**
 * Where ZooKeeper is: several `--zookeeper` flags (the earlier framework's way) become one address list. Pure.
 *
 * `HOST:PORT[,HOST:PORT...][/chroot]`, repeatable; a chroot may be given on any of them but must be one.
 */
import { UsageError } from "../lib/base/errors.ts";

/** The address used when nothing else is said. */
export const DEFAULT_ZOOKEEPER = "127.0.0.1:2181";

/** Joins the values of repeated flags to `host:port,host:port/chroot`. */
export function joinAddresses(values: readonly string[]): string {
  const hosts: string[] = [];
  let chroot: string | undefined;
  for (const value of values) {
    const slash = value.indexOf("/");
    const list = slash < 0 ? value : value.slice(0, slash);
    const root = slash < 0 ? undefined : value.slice(slash).replace(/\/+$/, "");
    if (root !== undefined && chroot !== undefined && root !== chroot) {
      throw new UsageError(`--zookeeper must name one chroot only: got "${chroot}" and "${root}"`);
    }
    chroot ??= root;
    for (const entry of list.split(",")) {
      const host = entry.trim();
      if (host === "") {
        throw new UsageError(
          `--zookeeper must be HOST:PORT[,HOST:PORT...][/chroot]: got ${JSON.stringify(value)}`,
        );
      }
      if (!hosts.includes(host)) hosts.push(host);
    }
  }
  return hosts.join(",") + (chroot ?? "");
}
