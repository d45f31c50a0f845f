/**
 * What tests on a coordination server share: one server a test file, clients in a namespace of their own, and
 * disposal in the right order.
 */
import { ZooKeeper, type ZooKeeperOptions } from "../../lib/zk/zookeeper.ts";
import { title, unrestricted } from "./permissions.ts";
import { TcpProxy } from "./tcp_proxy.ts";
import { type Coordinator, type CoordinatorOptions, startCoordinator } from "./zookeeper.ts";

/** The session timeout of tests: short to wait for its end, long enough for a machine that is busy with other things. */
export const SESSION_MS = 2_000;

/** A place for one test: everything made through it is closed when the test ends, newest first. */
export class Place implements AsyncDisposable {
  readonly #coordinator: Coordinator;
  readonly #stack = new AsyncDisposableStack();
  readonly chroot: string;

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
    this.chroot = `/${crypto.randomUUID().slice(0, 8)}/test`;
  }

  get coordinator(): Coordinator {
    return this.#coordinator;
  }

  /** A client in this test's own part of the tree; `through` goes by a proxy. */
  client(options: Partial<ZooKeeperOptions> & { through?: TcpProxy } = {}): ZooKeeper {
    const { through, ...rest } = options;
    const servers = (through?.address ?? this.#coordinator.servers) + this.chroot;
    return this.use(new ZooKeeper({ servers, sessionTimeoutMs: SESSION_MS, ...rest }));
  }

  /** A proxy before the server. */
  proxy(): TcpProxy {
    return this.use(new TcpProxy({ target: this.#coordinator.port }));
  }

  /** Close `resource` at the end of the test. */
  use<T extends AsyncDisposable>(resource: T): T {
    return this.#stack.use(resource);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** A signal that aborts at the end of its block. */
export class Scope implements Disposable {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#controller.abort();
  }
}

/** Starts a server before the tests of a file and stops it after; the result declares tests on it. */
export function suite(
  options: CoordinatorOptions = {},
): (sentence: string, body: (place: Place, t: Deno.TestContext) => Promise<void>) => void {
  let coordinator: Coordinator | undefined;
  if (unrestricted) {
    Deno.test.beforeAll(async () => {
      coordinator = await startCoordinator(options);
    });
    Deno.test.afterAll(async () => {
      await coordinator?.stop();
    });
  }
  return (sentence, body) =>
    Deno.test({
      name: title(sentence),
      ignore: !unrestricted,
      fn: async (t) => {
        await using place = new Place(coordinator!);
        await body(place, t);
      },
    });
}
