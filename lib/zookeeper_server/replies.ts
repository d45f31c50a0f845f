/**
 * Encoding replies, notifications and the records in them.
 *
 * A frame is begun, filled and finished in one go, straight into the connection's output.
 */
import type { Acl } from "./acl.ts";
import type { JuteWriter } from "./jute.ts";
import { Err, Xid } from "./protocol.ts";
import { NodeKind, wireChildVersion, type Znode } from "./tree.ts";

/** Begin a reply frame; returns what {@link finishFrame} needs. */
export function beginReply(out: JuteWriter, xid: number, zxid: number, err: number): number {
  out.reserve(20);
  const at = out.length;
  out.length = at + 4;
  out.int(xid);
  out.long(zxid);
  out.int(err);
  return at;
}

/** Begin a frame without a reply header. */
export function beginFrame(out: JuteWriter): number {
  const at = out.length;
  out.int(0);
  return at;
}

/** Write the length of the frame that began at `at`. */
export function finishFrame(out: JuteWriter, at: number): void {
  out.intAt(at, out.length - at - 4);
}

/** A reply that is only a header. */
export function writeHeader(out: JuteWriter, xid: number, zxid: number, err: number): void {
  finishFrame(out, beginReply(out, xid, zxid, err));
}

/** A watch notification: always "connected", zxid -1. */
export function writeNotification(out: JuteWriter, type: number, path: string): void {
  const at = beginReply(out, Xid.notification, -1, Err.ok);
  out.int(type);
  out.int(3);
  out.string(path);
  finishFrame(out, at);
}

/** The 68 bytes of a node's statistics. */
export function writeStat(out: JuteWriter, node: Znode): void {
  out.reserve(68);
  out.long(node.czxid);
  out.long(node.mzxid);
  out.long(node.ctime);
  out.long(node.mtime);
  out.int(node.version);
  out.int(wireChildVersion(node));
  out.int(node.aversion);
  out.long(node.kind === NodeKind.ephemeral ? node.owner : 0);
  out.int(node.data?.length ?? 0);
  out.int(node.children?.size ?? 0);
  out.long(node.pzxid);
}

export function writeAcl(out: JuteWriter, acl: Acl): void {
  out.int(acl.length);
  for (const entry of acl) {
    out.int(entry.perms);
    out.string(entry.scheme);
    out.string(entry.id);
  }
}

const NO_CHILDREN: ReadonlySet<string> = new Set();

export function writeChildren(out: JuteWriter, node: Znode): void {
  out.strings(node.children ?? NO_CHILDREN);
}

/** The header of one result in a multi's answer. */
export function writeMultiHeader(out: JuteWriter, type: number, done: boolean, err: number): void {
  out.int(type);
  out.bool(done);
  out.int(err);
}

/** The answer to a connect request. A refusal has time-out 0, session 0 and an empty password. */
export function writeConnectResponse(
  out: JuteWriter,
  answer: { timeout: number; session: number; password: Uint8Array; knowsReadOnly: boolean },
): void {
  const at = beginFrame(out);
  out.int(0);
  out.int(answer.timeout);
  out.long(answer.session);
  out.buffer(answer.password);
  if (answer.knowsReadOnly) out.bool(false);
  finishFrame(out, at);
}
