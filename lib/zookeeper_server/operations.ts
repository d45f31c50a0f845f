/**
 * From an operation code to what does it.
 */
import { digestOf } from "./acl.ts";
import type { Call } from "./call.ts";
import { multi, multiRead } from "./multi_operations.ts";
import {
  create,
  exists,
  getAcl,
  getAllChildrenNumber,
  getChildren,
  getData,
  getEphemerals,
  remove,
  setAcl,
  setData,
  sync,
} from "./node_operations.ts";
import { Err, Op, refuse } from "./protocol.ts";
import { addWatch, removeWatches, setWatches } from "./watch_operations.ts";

/** Answer one request. An operation that is not known is answered with -6, and ends the connection. */
export function run(call: Call): void {
  switch (call.type) {
    case Op.ping:
      return call.answer();
    case Op.getData:
      return getData(call);
    case Op.exists:
      return exists(call);
    case Op.getChildren:
    case Op.getChildren2:
      return getChildren(call);
    case Op.setData:
      return setData(call);
    case Op.create:
    case Op.create2:
    case Op.createContainer:
    case Op.createTtl:
      return create(call);
    case Op.delete:
      return remove(call);
    case Op.multi:
      return multi(call);
    case Op.multiRead:
      return multiRead(call);
    case Op.getAcl:
      return getAcl(call);
    case Op.setAcl:
      return setAcl(call);
    case Op.sync:
      return sync(call);
    case Op.setWatches:
    case Op.setWatches2:
      return setWatches(call);
    case Op.addWatch:
      return addWatch(call);
    case Op.checkWatches:
    case Op.removeWatches:
      return removeWatches(call);
    case Op.auth:
      return auth(call);
    case Op.getEphemerals:
      return getEphemerals(call);
    case Op.getAllChildrenNumber:
      return getAllChildrenNumber(call);
    case Op.whoAmI:
      return whoAmI(call);
    case Op.closeSession:
      return closeSession(call);
    case Op.reconfig:
      return refuse(Err.reconfigDisabled);
    default:
      call.answer(Err.unimplemented);
      return call.peer.end("sent");
  }
}

function closeSession(call: Call): void {
  call.engine.endSession(call.session);
  call.answer();
  call.peer.end("sent");
}

/** `ip` adds nothing new: the address is an identity from the start. An unknown scheme ends the connection. */
function auth(call: Call): void {
  const { reader, peer } = call;
  reader.int();
  const scheme = reader.string();
  const credentials = reader.view() ?? new Uint8Array(0);
  if (scheme === "digest") {
    const id = digestOf(credentials.slice());
    if (!peer.identities.some((identity) => identity.scheme === "digest" && identity.id === id)) {
      peer.identities.push({ scheme: "digest", id });
    }
  } else if (scheme !== "ip") {
    call.answer(Err.authFailed);
    return peer.end("sent");
  }
  call.answer();
}

function whoAmI(call: Call): void {
  const { out, identities } = call.peer;
  const at = call.begin();
  out.int(identities.length);
  for (const { scheme, id } of identities) {
    out.string(scheme);
    out.string(scheme === "digest" ? id.split(":", 1)[0]! : id);
  }
  call.finish(at);
}
