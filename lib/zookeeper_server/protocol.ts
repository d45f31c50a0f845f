/**
 * The numbers of ZooKeeper's wire protocol that the server answers with: operation codes, error codes, event
 * types, create modes and permissions, as in Apache ZooKeeper 3.8.
 *
 * Pure; knows nothing of sessions or sockets.
 */

/** Operation codes of the request header. */
export const Op = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
  error: -1,
} as const;

/** Error codes of the reply header. */
export const Err = {
  ok: 0,
  systemError: -1,
  runtimeInconsistency: -2,
  marshalling: -5,
  unimplemented: -6,
  badArguments: -8,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  invalidAcl: -114,
  authFailed: -115,
  noWatcher: -121,
  reconfigDisabled: -123,
} as const;

/** Event types of a watch notification. */
export const EventType = { created: 1, deleted: 2, dataChanged: 3, childrenChanged: 4 } as const;

/** Permission bits of an access control entry. */
export const Perm = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** Create flags on the wire. */
export const CreateFlag = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentTtl: 5,
  persistentSequentialTtl: 6,
} as const;

/** What a client may ask to remove or check: its child watches, its data watches, or any. */
export const WatcherType = { children: 1, data: 2, any: 3 } as const;

/** Transaction ids (xid) with a meaning of their own. */
export const Xid = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** The largest packet body: Apache's jute.maxbuffer. */
export const MAX_PACKET_BYTES = 0xfffff;

/** The version that `srvr`, `stat`, `envi` and `mntr` print: the protocol level that is spoken. */
export const SERVER_VERSION = "3.8.0-pubsub";

/** A request that is refused with a ZooKeeper error code. Carries no stack worth keeping: it is an answer. */
export class Refusal extends Error {
  override name = "Refusal";
  constructor(readonly code: number) {
    super(`ZooKeeper error ${code}`);
  }
}

const REFUSALS = new Map<number, Refusal>();

/** The (shared) refusal for `code`: throwing it costs no stack trace. */
export function refuse(code: number): never {
  let refusal = REFUSALS.get(code);
  if (refusal === undefined) REFUSALS.set(code, refusal = new Refusal(code));
  throw refusal;
}
