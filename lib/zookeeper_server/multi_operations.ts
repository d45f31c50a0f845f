/**
 * multi and multiRead: several operations in one request.
 *
 * A multi is all or nothing, under one zxid; of a failed one nothing remains, not even a sequence number. The
 * result of each operation tells of the node as it was right after that operation.
 */
import { isGranted } from "./acl.ts";
import type { Call } from "./call.ts";
import { JuteWriter } from "./jute.ts";
import { Err, Op, Perm, Refusal, refuse } from "./protocol.ts";
import { writeChildren, writeMultiHeader, writeStat } from "./replies.ts";
import { type MultiOperation, readMulti, readMultiRead } from "./requests.ts";
import { checkNode, prepareCreate, prepareDelete, prepareSetData, type TreeTxn } from "./transactions.ts";

/** Results are collected here: they are thrown away when the multi fails. */
const results = new JuteWriter(0);
const LARGE_RESULTS = 1 << 16;

export function multi(call: Call): void {
  const operations = readMulti(call.reader);
  results.length = 0;
  let index = 0;
  let txn: TreeTxn | "nothing" = "nothing";
  try {
    call.engine.commitAll(
      () => {
        const operation = operations[index];
        return operation === undefined ? null : txn = prepare(call, operation);
      },
      () => writeResult(call, operations[index++]!, txn),
    );
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    results.length = 0;
    for (let i = 0; i < operations.length; i++) {
      writeError(results, i < index ? Err.ok : i === index ? error.code : Err.runtimeInconsistency);
    }
  }
  writeMultiHeader(results, -1, true, -1);
  const at = call.begin();
  call.peer.out.raw(results.bytes.subarray(0, results.length));
  call.finish(at);
  if (results.bytes.length > LARGE_RESULTS) results.take();
}

function prepare(call: Call, operation: MultiOperation): TreeTxn | "nothing" {
  const { tree, peer: { identities } } = call;
  switch (operation.op) {
    case "create":
      return prepareCreate(tree, operation.request, identities, call.session.id);
    case "delete":
      return prepareDelete(tree, operation.path, operation.version, identities);
    case "setData":
      return prepareSetData(tree, operation.path, operation.data, operation.version, identities);
    case "check":
      checkNode(tree, operation.path, operation.version, identities);
      return "nothing";
  }
}

/** A create2 is answered as a create, without statistics; so does Apache 3.8. */
function writeResult(call: Call, operation: MultiOperation, txn: TreeTxn | "nothing"): void {
  switch (operation.op) {
    case "create": {
      const { op } = operation.request;
      const withStat = op === Op.createContainer || op === Op.createTtl;
      const { path } = txn as TreeTxn;
      writeMultiHeader(results, withStat ? Op.create2 : Op.create, false, Err.ok);
      results.string(path);
      if (withStat) writeStat(results, call.tree.get(path)!);
      return;
    }
    case "delete":
      return writeMultiHeader(results, Op.delete, false, Err.ok);
    case "check":
      return writeMultiHeader(results, Op.check, false, Err.ok);
    case "setData":
      writeMultiHeader(results, Op.setData, false, Err.ok);
      writeStat(results, call.tree.get(operation.path)!);
  }
}

function writeError(out: JuteWriter, err: number): void {
  writeMultiHeader(out, Op.error, false, err);
  out.int(err);
}

/** Each read has its own error. Refused when the answer would be larger than what may be unsent. */
export function multiRead(call: Call): void {
  const reads = readMultiRead(call.reader);
  call.roomForWatches(reads.filter((read) => read.watch).length);
  const { peer: { out, identities }, tree, engine } = call;
  const at = call.begin();
  for (const { op, path, watch } of reads) {
    const node = tree.get(path);
    if (node === undefined) writeError(out, Err.noNode);
    else if (!isGranted(node.acl, Perm.read, identities)) writeError(out, Err.noAuth);
    else {
      writeMultiHeader(out, op, false, Err.ok);
      if (op === Op.getData) {
        if (watch) call.watchData(path);
        out.buffer(node.data);
        writeStat(out, node);
      } else {
        if (watch) call.watchChildren(path);
        writeChildren(out, node);
      }
    }
    if (out.length - at > engine.limits.unsentBytes) {
      out.length = at;
      refuse(Err.systemError);
    }
  }
  writeMultiHeader(out, -1, true, -1);
  call.finish(at);
}
