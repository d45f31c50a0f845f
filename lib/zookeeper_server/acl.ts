/**
 * Access control: what an access control list may hold, what it grants, and how it is shown.
 *
 * Schemes: `world` (only `anyone`), `digest` (user:base64(sha1(user:password))), `ip` (address or CIDR) and
 * `auth` (stands for the digest identities of the connection that sets it). Identities belong to a connection
 * and end with it. Pure but for SHA-1.
 */
import { createHash } from "node:crypto";
import { Err, Perm, refuse } from "./protocol.ts";

/** Who somebody is, or who an entry is about. */
export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

/** One entry: these permission bits for this identity. */
export interface AclEntry extends Identity {
  readonly perms: number;
}

/** An access control list. Lists are never changed in place, so nodes share them. */
export type Acl = readonly AclEntry[];

/** Everybody may do everything: the list that nearly every node has. */
export const OPEN_ACL: Acl = [{ perms: Perm.all, scheme: "world", id: "anyone" }];

/** The digest identity of `user:password`. */
export function digestOf(credentials: string | Uint8Array): string {
  const text = typeof credentials === "string"
    ? credentials
    : new TextDecoder("utf-8", { ignoreBOM: true }).decode(credentials);
  const user = text.split(":", 1)[0]!;
  return `${user}:${createHash("sha1").update(credentials).digest("base64")}`;
}

/** An IPv4 or IPv6 address as bytes; null when it is neither. An IPv4-mapped IPv6 address is the IPv4 one. */
export function addressBytes(text: string): Uint8Array | null {
  const v4 = ipv4Bytes(text);
  if (v4 !== null) return v4;
  if (!text.includes(":") || !/^[0-9a-fA-F:.]+$/.test(text)) return null;
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = ipv6Groups(halves[0]!);
  const tail = halves.length === 2 ? ipv6Groups(halves[1]!) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const bytes = new Uint8Array(groups.flatMap((group) => [group >> 8, group & 0xff]));
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return mapped ? bytes.slice(12) : bytes;
}

function ipv4Bytes(text: string): Uint8Array | null {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return null;
  const parts = text.split(".").map(Number);
  return parts.every((part) => part <= 255) ? new Uint8Array(parts) : null;
}

function ipv6Groups(text: string): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 ? ipv4Bytes(part) : null;
    if (v4 !== null) groups.push((v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(parseInt(part, 16));
    else return null;
  }
  return groups;
}

/** An `ip` entry's id taken apart; null when it is malformed. */
function parseCidr(id: string): { bytes: Uint8Array; bits: number } | null {
  const slash = id.indexOf("/");
  const bytes = addressBytes(slash < 0 ? id : id.substring(0, slash));
  if (bytes === null) return null;
  if (slash < 0) return { bytes, bits: bytes.length * 8 };
  const text = id.substring(slash + 1);
  const bits = Number(text);
  return /^\d{1,3}$/.test(text) && bits <= bytes.length * 8 ? { bytes, bits } : null;
}

/** Whether the address `peer` lies in the address or CIDR range `id`. */
export function ipMatches(peer: string, id: string): boolean {
  const range = parseCidr(id);
  const address = addressBytes(peer);
  if (range === null || address === null || address.length !== range.bytes.length) return false;
  for (let bit = 0; bit < range.bits; bit += 8) {
    const mask = range.bits - bit >= 8 ? 0xff : 0xff << (8 - (range.bits - bit));
    if (((address[bit >> 3]! ^ range.bytes[bit >> 3]!) & mask & 0xff) !== 0) return false;
  }
  return true;
}

/** Whether `entry` may stand in a list as it is. */
function isWellFormed(entry: AclEntry): boolean {
  switch (entry.scheme) {
    case "world":
      return entry.id === "anyone";
    case "digest":
      return entry.id.split(":").length === 2;
    case "ip":
      return parseCidr(entry.id) !== null;
    default:
      return false;
  }
}

/**
 * The list a node gets when a client with `identities` asks for `wanted`: duplicates removed, `auth` replaced
 * by the client's digest identities. Refuses with -114 when it is empty, unknown or malformed.
 */
export function effectiveAcl(wanted: Acl, identities: readonly Identity[]): Acl {
  if (wanted === OPEN_ACL) return wanted;
  if (wanted.length === 0) refuse(Err.invalidAcl);
  const unique = new Map(wanted.map((entry) => [`${entry.perms} ${entry.scheme} ${entry.id}`, entry]));
  const list: AclEntry[] = [];
  for (const entry of unique.values()) {
    if (entry.scheme === "auth") {
      const mine = identities.filter((identity) => identity.scheme === "digest");
      if (mine.length === 0) refuse(Err.invalidAcl);
      for (const { scheme, id } of mine) list.push({ perms: entry.perms, scheme, id });
    } else {
      if (!isWellFormed(entry)) refuse(Err.invalidAcl);
      list.push(entry);
    }
  }
  return list;
}

/** Whether `acl` grants any bit of `wanted` to a connection with `identities` (its address is one of them). */
export function isGranted(acl: Acl, wanted: number, identities: readonly Identity[]): boolean {
  if (acl === OPEN_ACL) return true;
  for (const entry of acl) {
    if ((entry.perms & wanted) === 0) continue;
    if (entry.scheme === "world" && entry.id === "anyone") return true;
    for (const identity of identities) {
      if (identity.scheme !== entry.scheme) continue;
      if (identity.id === entry.id) return true;
      if (entry.scheme === "ip" && ipMatches(identity.id, entry.id)) return true;
    }
  }
  return false;
}

/** The list as it is shown to somebody without the admin permission: password hashes are hidden. */
export function withoutHashes(acl: Acl): Acl {
  return acl.map((entry) =>
    entry.scheme === "digest" ? { ...entry, id: entry.id.replace(/:.*/s, ":x") } : entry
  );
}
