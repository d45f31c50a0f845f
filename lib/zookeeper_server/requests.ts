/**
 * Decoding request bodies.
 *
 * Guarantee: every decoder returns what the body says or throws {@link Malformed}; nothing decoded refers to
 * the input's bytes, which the connection reuses. A null path is malformed, as it is to Apache.
 */
import { type Acl, type AclEntry, OPEN_ACL } from "./acl.ts";
import { type JuteReader, Malformed } from "./jute.ts";
import { Op } from "./protocol.ts";
import type { CreateRequest } from "./transactions.ts";

/** Small data shares allocations of this size, because an allocation costs more than the copy. */
const SLAB_BYTES = 4096;
const LARGEST_IN_SLAB = 256;
let slab = new ArrayBuffer(SLAB_BYTES);
let slabUsed = 0;

/** A copy of `view` that outlives the input. */
export function keep(view: Uint8Array | null): Uint8Array | null {
  if (view === null) return null;
  const length = view.length;
  if (length > LARGEST_IN_SLAB) return view.slice();
  if (slabUsed + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  const copy = new Uint8Array(slab, slabUsed, length);
  slabUsed += length;
  copy.set(view);
  return copy;
}

/** A path; null is malformed. */
export function readPath(reader: JuteReader): string {
  const path = reader.string();
  if (path === null) throw new Malformed("a null path");
  return path;
}

const OPEN_BYTES = new TextEncoder().encode("\0\0\0\x01\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone");

/** An access control list; the list that grants everybody everything is {@link OPEN_ACL} itself. */
export function readAcl(reader: JuteReader): Acl {
  const start = reader.position;
  if (reader.remaining >= OPEN_BYTES.length) {
    const view = reader.raw(OPEN_BYTES.length);
    let i = 0;
    while (i < OPEN_BYTES.length && view[i] === OPEN_BYTES[i]) i++;
    if (i === OPEN_BYTES.length) return OPEN_ACL;
    reader.position = start;
  }
  const count = reader.count(12);
  const list: AclEntry[] = [];
  for (let i = 0; i < count; i++) {
    const perms = reader.int();
    list.push({ perms, scheme: reader.string() ?? "", id: reader.string() ?? "" });
  }
  return list;
}

/** The body of create, create2, createContainer and createTtl. */
export function readCreate(reader: JuteReader, op: number): CreateRequest {
  const path = readPath(reader);
  const data = keep(reader.view());
  const acl = readAcl(reader);
  const flags = reader.int();
  return { op, path, data, acl, flags, ttl: op === Op.createTtl ? reader.long() : 0 };
}

/** One operation of a multi. */
export type MultiOperation =
  | { readonly op: "create"; readonly request: CreateRequest }
  | { readonly op: "delete" | "check"; readonly path: string; readonly version: number }
  | {
    readonly op: "setData";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly version: number;
  };

/** The body of a multi. */
export function readMulti(reader: JuteReader): MultiOperation[] {
  const operations: MultiOperation[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.bool();
    reader.int();
    if (done) return operations;
    operations.push(readMultiOperation(reader, type));
  }
}

function readMultiOperation(reader: JuteReader, type: number): MultiOperation {
  switch (type) {
    case Op.create:
    case Op.create2:
    case Op.createContainer:
    case Op.createTtl:
      return { op: "create", request: readCreate(reader, type) };
    case Op.delete:
      return { op: "delete", path: readPath(reader), version: reader.int() };
    case Op.check:
      return { op: "check", path: readPath(reader), version: reader.int() };
    case Op.setData: {
      const path = readPath(reader);
      return { op: "setData", path, data: keep(reader.view()), version: reader.int() };
    }
    default:
      throw new Malformed(`operation ${type} in a multi`);
  }
}

/** One read of a multiRead. */
export interface MultiRead {
  readonly op: typeof Op.getData | typeof Op.getChildren;
  readonly path: string;
  readonly watch: boolean;
}

/** The body of a multiRead. */
export function readMultiRead(reader: JuteReader): MultiRead[] {
  const reads: MultiRead[] = [];
  for (;;) {
    const op = reader.int();
    const done = reader.bool();
    reader.int();
    if (done) return reads;
    if (op !== Op.getData && op !== Op.getChildren) throw new Malformed(`operation ${op} in a multiRead`);
    reads.push({ op, path: readPath(reader), watch: reader.bool() });
  }
}

/** The body of setWatches; `persistent` and `recursive` come with setWatches2 only. */
export interface SetWatches {
  readonly relativeZxid: number;
  readonly data: string[];
  readonly exist: string[];
  readonly child: string[];
  readonly persistent: string[];
  readonly recursive: string[];
}

/** Read setWatches or setWatches2. */
export function readSetWatches(reader: JuteReader, second: boolean): SetWatches {
  return {
    relativeZxid: reader.long(),
    data: reader.strings(),
    exist: reader.strings(),
    child: reader.strings(),
    persistent: second ? reader.strings() : [],
    recursive: second ? reader.strings() : [],
  };
}

/** The first frame of a connection. */
export interface ConnectRequest {
  readonly lastZxidSeen: number;
  readonly timeout: number;
  readonly session: number;
  readonly password: Uint8Array | null;
  /** Whether the client sent the read-only flag, and so expects it in the answer. */
  readonly knowsReadOnly: boolean;
}

/** Read a connect request. Bytes after it in the frame are malformed. */
export function readConnect(reader: JuteReader): ConnectRequest {
  reader.int();
  const lastZxidSeen = reader.long();
  const timeout = reader.int();
  const session = reader.long();
  const password = reader.view()?.slice() ?? null;
  const knowsReadOnly = reader.remaining > 0;
  if (knowsReadOnly) reader.bool();
  if (reader.remaining > 0) throw new Malformed("bytes after the connect request");
  return { lastZxidSeen, timeout, session, password, knowsReadOnly };
}
