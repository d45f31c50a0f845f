/**
 * Log records: transactions as bytes, and back.
 *
 * A record is a block ({@link ./block.ts}) with: zxid, wall time, kind, body. Bodies:
 * 1 tree changes: count, then each as type and fields; 2 a session's creation: id, time-out, password;
 * 3 a session's end: id (which ephemeral nodes go follows from the tree).
 *
 * Pure: {@link LogEncoder} collects bytes, the shell writes them.
 */
import type { Acl, AclEntry } from "./acl.ts";
import { OPEN_ACL } from "./acl.ts";
import { beginBlock, finishBlock } from "./block.ts";
import type { TransactionSink } from "./engine.ts";
import { type JuteReader, JuteWriter, Malformed } from "./jute.ts";
import { Op } from "./protocol.ts";
import { writeAcl } from "./replies.ts";
import { keep, readPath } from "./requests.ts";
import type { TreeTxn } from "./transactions.ts";

const Kind = { tree: 1, sessionCreated: 2, sessionEnded: 3 } as const;

/** A transaction as the log has it. */
export type LogRecord =
  & { readonly zxid: number; readonly time: number }
  & (
    | { readonly kind: "tree"; readonly txns: readonly TreeTxn[] }
    | {
      readonly kind: "sessionCreated";
      readonly session: number;
      readonly timeout: number;
      readonly password: Uint8Array;
    }
    | { readonly kind: "sessionEnded"; readonly session: number }
  );

/** Collects records until they are taken. */
export class LogEncoder implements TransactionSink {
  readonly #out = new JuteWriter(1 << 12);

  /** Bytes that were not taken. */
  get length(): number {
    return this.#out.length;
  }

  /** Everything recorded since the last call. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#out.take();
  }

  #begin(zxid: number, time: number, kind: number): number {
    const at = beginBlock(this.#out);
    this.#out.long(zxid);
    this.#out.long(time);
    this.#out.byte(kind);
    return at;
  }

  tree(zxid: number, time: number, txns: readonly TreeTxn[]): void {
    const out = this.#out;
    const at = this.#begin(zxid, time, Kind.tree);
    out.int(txns.length);
    for (const txn of txns) {
      out.byte(txn.type);
      out.string(txn.path);
      if (txn.type === Op.create) {
        out.byte(txn.kind);
        out.long(txn.owner);
      }
      if (txn.type === Op.create || txn.type === Op.setData) out.buffer(txn.data);
      if (txn.type === Op.create || txn.type === Op.setAcl) encodeAcl(out, txn.acl);
    }
    finishBlock(out, at);
  }

  sessionCreated(
    zxid: number,
    time: number,
    session: { id: number; timeout: number; password: Uint8Array },
  ): void {
    const at = this.#begin(zxid, time, Kind.sessionCreated);
    this.#out.long(session.id);
    this.#out.int(session.timeout);
    this.#out.buffer(session.password);
    finishBlock(this.#out, at);
  }

  sessionEnded(zxid: number, time: number, session: number): void {
    const at = this.#begin(zxid, time, Kind.sessionEnded);
    this.#out.long(session);
    finishBlock(this.#out, at);
  }
}

/** A list as bytes: nearly all are the open one, which is an empty vector here (no node has an empty list). */
export function encodeAcl(out: JuteWriter, acl: Acl): void {
  if (acl === OPEN_ACL) out.int(0);
  else writeAcl(out, acl);
}

/** The reverse of {@link encodeAcl}. */
export function decodeAcl(reader: JuteReader): Acl {
  const count = reader.count(12);
  if (count === 0) return OPEN_ACL;
  const acl: AclEntry[] = [];
  for (let i = 0; i < count; i++) {
    const perms = reader.int();
    acl.push({ perms, scheme: reader.string() ?? "", id: reader.string() ?? "" });
  }
  return acl;
}

/** Read the record that `reader` holds. @throws Malformed when it is none */
export function readRecord(reader: JuteReader): LogRecord {
  const zxid = reader.long();
  const time = reader.long();
  const kind = reader.byte();
  switch (kind) {
    case Kind.tree:
      return { zxid, time, kind: "tree", txns: readTxns(reader) };
    case Kind.sessionCreated: {
      const session = reader.long();
      const timeout = reader.int();
      const password = reader.view()?.slice();
      if (password === undefined) throw new Malformed("a session without a password");
      return { zxid, time, kind: "sessionCreated", session, timeout, password };
    }
    case Kind.sessionEnded:
      return { zxid, time, kind: "sessionEnded", session: reader.long() };
    default:
      throw new Malformed(`a record of kind ${kind}`);
  }
}

function readTxns(reader: JuteReader): TreeTxn[] {
  const count = reader.count(5);
  const txns: TreeTxn[] = [];
  for (let i = 0; i < count; i++) {
    const type = reader.byte();
    const path = readPath(reader);
    switch (type) {
      case Op.create: {
        const kind = reader.byte();
        const owner = reader.long();
        txns.push({ type, path, kind, owner, data: keep(reader.view()), acl: decodeAcl(reader) });
        break;
      }
      case Op.delete:
        txns.push({ type, path });
        break;
      case Op.setData:
        txns.push({ type, path, data: keep(reader.view()) });
        break;
      case Op.setAcl:
        txns.push({ type, path, acl: decodeAcl(reader) });
        break;
      default:
        throw new Malformed(`a transaction of type ${type}`);
    }
  }
  return txns;
}
