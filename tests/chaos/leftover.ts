/** Which znodes stay when everybody has left. */
const PERSISTENT = [
  /^\/(elections|primaries|brokers|shared_state|topics|pools)$/,
  /^\/elections\/zone_\d+$/,
  /^\/topics\/[^/]+$/,
  /^\/shared_state\/(publishers|subscribers|zone_clients|current_load|rebalance|ended|pool_members|scaling)$/,
  /^\/shared_state\/ended\/[^/]+$/,
];

/** Whether it may be there though nobody is. */
export function isPersistent(path: string): boolean {
  return PERSISTENT.some((pattern) => pattern.test(path));
}
