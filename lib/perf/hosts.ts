/**
 * Where the processes of a run are started: all on this machine's loopback, or each in a Mininet host.
 */

/** One host. */
export interface Host {
  readonly name: string;
  /** Its address, as the others reach it. */
  readonly address: string;
  /** The command that runs `command` on it, with the same pid. */
  wrap(command: readonly string[]): readonly string[];
}

/** A network that is up. */
export interface Hosts extends AsyncDisposable {
  readonly where: "local" | "mininet";
  readonly hosts: readonly Host[];
  /** Kind of switch; null on loopback. */
  readonly switch: string | null;
  /** Port for ZooKeeper on the first host. */
  zookeeperPort(): number;
}

/** Hosts that are all this machine. */
export function localHosts(count: number): Hosts {
  const hosts = Array.from({ length: count }, (_, i) => ({
    name: `h${i + 1}`,
    address: "127.0.0.1",
    wrap: (command: readonly string[]) => command,
  }));
  return {
    where: "local",
    hosts,
    switch: null,
    zookeeperPort: freePort,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A port that is free now. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    return (listener.addr as Deno.NetAddr).port;
  } finally {
    listener.close();
  }
}
