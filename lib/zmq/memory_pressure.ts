/**
 * When memory is short, when somebody is to be blamed for it, and when blaming does not help. Pure: bytes and
 * monotonic milliseconds are parameters.
 */
const MIB = 1024 * 1024;

/** More than this (bytes) above what it had at the start is not for the library to have. */
export const LIMIT_BYTES = 256 * MIB;
/** Memory that grows by so much between two looks is looked into at once. */
const JUMP_BYTES = 8 * MIB;
/** Time for the library to free what a connection has cost. */
const PATIENCE_MS = 250;
/** When memory is short for so long whoever is cut, cutting does not help. */
const IN_VAIN_MS = 3000;
/** Time for everything to be freed, on a machine that is busy with a flood. */
const EXHAUSTED_MS = 30_000;
/** Who had to be cut for what was sent may come back at once: so long somebody like that is expected. */
const ALERT_MS = 10_000;

/** What a look has found. */
export interface Finding {
  /** Bytes more than are normal. */
  readonly above: number;
  /** More than the limit. */
  readonly short: boolean;
  /** Much more than at the look before. */
  readonly jumped: boolean;
  /** Whoever is likely to be the cause is to be cut. */
  readonly blame: boolean;
  /** Cutting has not helped: everything is to be given up. True once until memory is no longer short. */
  readonly exhausted: boolean;
  /** Nor has that: what there is now is normal from now on. */
  readonly resigned: boolean;
}

/** Judges the memory of a process from how it changes. */
export class MemoryPressure {
  readonly #first: number;
  #base: number;
  #before: number;
  #patientUntil = -Infinity;
  /** When cutting is in vain; undefined when memory is not short. */
  #vainAt: number | undefined;
  #exhausted = false;
  #alertUntil = -Infinity;

  /** @param memory bytes at the start */
  constructor(memory: number) {
    this.#first = this.#base = this.#before = memory;
  }

  /** @param memory bytes now */
  look(memory: number, now: number): Finding {
    const jumped = memory - this.#before > JUMP_BYTES;
    this.#before = memory;
    // What was once taken for normal is not when it is gone.
    this.#base = Math.max(this.#first, Math.min(this.#base, memory));
    const above = memory - this.#base;
    const short = above > LIMIT_BYTES;
    if (!short) {
      this.#vainAt = undefined;
      this.#exhausted = false;
      return { above, short, jumped, blame: false, exhausted: false, resigned: false };
    }
    if (this.#vainAt === undefined) {
      this.#vainAt = now + IN_VAIN_MS;
      // Perhaps giving back what is free is all it takes.
      this.#patientUntil = now + PATIENCE_MS;
    }
    if (now < this.#vainAt) {
      return { above, short, jumped, blame: now >= this.#patientUntil, exhausted: false, resigned: false };
    }
    const resigned = this.#exhausted;
    if (resigned) this.#base = memory;
    this.#exhausted = true;
    this.#vainAt = this.#patientUntil = now + EXHAUSTED_MS;
    return { above, short, jumped, blame: false, exhausted: !resigned, resigned };
  }

  /** Somebody was cut, or nobody was found: the next one is to be blamed some time later. */
  wait(now: number): void {
    this.#patientUntil = Math.max(this.#patientUntil, now + PATIENCE_MS);
  }

  /** Somebody had to be cut for what was sent. */
  alarm(now: number): void {
    this.#alertUntil = now + ALERT_MS;
  }

  /** Whether somebody is expected who sends too much. */
  alert(now: number): boolean {
    return now < this.#alertUntil;
  }
}
