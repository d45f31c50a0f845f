/**
 * Answers leave when the transactions they may depend on are on disk.
 *
 * Every answer, to a read as well, may tell of a transaction that was applied in memory a moment ago; so while
 * the log has unsynced records all outputs are held, and one sync lets out everything that was written before
 * it began (group commit). Without a log everything leaves at once.
 */

/** What the gate needs of a connection. */
export interface Gated {
  /** The absolute end of its output. */
  readonly written: number;
  /** Send up to there. */
  release(to: number): void;
}

/** What the gate needs of a log. */
export interface Syncable {
  /** Whether there are records that are not on disk. */
  readonly dirty: boolean;
  /** Put all records that are there now on disk. */
  sync(): Promise<void>;
}

/** Latencies, in milliseconds, of what passed the gate. */
export class LatencyMeter {
  #count = 0;
  #sum = 0;
  #min = Infinity;
  max = 0;

  add(ms: number): void {
    this.#count++;
    this.#sum += ms;
    if (ms < this.#min) this.#min = ms;
    if (ms > this.max) this.max = ms;
  }

  get min(): number {
    return this.#count === 0 ? 0 : this.#min;
  }

  get avg(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }
}

export class OutputGate<C extends Gated> {
  readonly latency = new LatencyMeter();
  readonly #waiting = new Set<C>();
  readonly #log: Syncable | null;
  readonly #failed: (error: unknown) => void;
  #since = 0;
  #syncing: Promise<void> | null = null;
  #broken = false;

  /** @param failed is told, once, that the log cannot be written: nothing leaves from then on */
  constructor(log: Syncable | null, failed: (error: unknown) => void) {
    this.#log = log;
    this.#failed = failed;
  }

  /** `connection` has output. */
  wrote(connection: C): void {
    if (this.#waiting.size === 0) this.#since = performance.now();
    this.#waiting.add(connection);
  }

  /** Let out what may leave. Call it when a batch of requests has been handled. */
  open(): void {
    if (this.#syncing !== null || this.#broken) return;
    if (this.#log !== null && this.#log.dirty) this.#syncing = this.#syncAll(this.#log);
    else this.#releaseAll();
  }

  /** Resolves when nothing is being synced. */
  async idle(): Promise<void> {
    while (this.#syncing !== null) await this.#syncing;
  }

  #releaseAll(): void {
    if (this.#waiting.size === 0) return;
    this.latency.add(performance.now() - this.#since);
    const ready = [...this.#waiting];
    this.#waiting.clear();
    for (const connection of ready) connection.release(connection.written);
  }

  async #syncAll(log: Syncable): Promise<void> {
    try {
      while (log.dirty) {
        const batch = Array.from(this.#waiting, (connection) => ({ connection, to: connection.written }));
        const since = this.#since;
        this.#waiting.clear();
        await log.sync();
        this.latency.add(performance.now() - since);
        for (const { connection, to } of batch) connection.release(to);
      }
      this.#syncing = null;
      this.#releaseAll();
    } catch (error) {
      this.#broken = true;
      this.#syncing = null;
      this.#failed(error);
    }
  }
}
