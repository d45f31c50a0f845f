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
/** Two looks count for no more than this: whoever was not looking has not tried to mend it. */
const LONGEST_LOOK_MS = 250;
/** Time for everything to be freed, on a machine that is busy with a flood; at first nobody is blamed. */
const EXHAUSTED_MS = 30_000;
const RESTART_MS = 3000;
/** Who had to be cut for what was sent may come back at once: so long somebody like that is expected. */
const ALERT_MS = 10_000;

/** What a look has found. */
export interface Finding {
  /** Bytes more than are normal. */
  readonly above: number;
  /** Much more than at the look before. */
  readonly jumped: boolean;
  /** More than the limit, which it was not at the look before: whoever certainly is the cause is to be cut. */
  readonly exceeded: boolean;
  /** More than the limit, and not only a moment ago. */
  readonly short: boolean;
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
  #lookedAt = 0;
  #patientUntil = -Infinity;
  /** For how long memory has been short; undefined when it is not. */
  #shortMs: number | undefined;
  #exhausted = false;
  #alertUntil = -Infinity;

  /** @param memory bytes at the start */
  constructor(memory: number) {
    this.#first = this.#base = this.#before = memory;
  }

  /** @param memory bytes now */
  look(memory: number, now: number): Finding {
    const jumped = memory - this.#before > JUMP_BYTES;
    const passed = Math.min(now - this.#lookedAt, LONGEST_LOOK_MS);
    this.#before = memory;
    this.#lookedAt = now;
    // What was once taken for normal is not when it is gone.
    this.#base = Math.max(this.#first, Math.min(this.#base, memory));
    const above = memory - this.#base;
    if (above <= LIMIT_BYTES) {
      this.#shortMs = undefined;
      this.#exhausted = false;
      const none = { exceeded: false, short: false, blame: false, exhausted: false, resigned: false };
      return { above, jumped, ...none };
    }
    const exceeded = this.#shortMs === undefined;
    this.#shortMs = this.#shortMs === undefined ? 0 : this.#shortMs + passed;
    const exhausted = !this.#exhausted && this.#shortMs >= IN_VAIN_MS;
    const resigned = this.#shortMs >= IN_VAIN_MS + EXHAUSTED_MS;
    if (exhausted) {
      this.#exhausted = true;
      this.#patientUntil = now + RESTART_MS;
    }
    if (resigned) this.#base = memory;
    // Perhaps giving back what is free is all it takes.
    const short = this.#shortMs >= PATIENCE_MS;
    return { above, jumped, exceeded, short, blame: short && now >= this.#patientUntil, exhausted, resigned };
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
