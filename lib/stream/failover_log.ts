/**
 * The failover scorecard: every loss of a broker, publisher or owner that a subscriber sees, as one record. Pure:
 * times are parameters, and `time` of a record is one of them: monotonic milliseconds, as a wall clock may be set.
 */
import type { Failover } from "../model/client_options.ts";

/** A record is closed so long after the loss was noticed. */
const CLOSE_AFTER_MS = 5000;
/**
 * A publisher that leaves takes its connection down before everybody has been told that it is gone: who is told so within
 * this time has lost nothing. One that was killed is missed later.
 */
const CERTAIN_AFTER_MS = 1000;

/** The subscriber's counters at a moment. */
export interface Tally {
  /** Samples that were asked for again and came. */
  recovered: number;
  /** Samples that will never come. */
  lost: number;
  /** Samples that were handed out twice. */
  duplicates: number;
  /** Samples that were handed out after later ones. */
  reordered: number;
}

interface Open {
  record: Failover;
  /** Streams that came over what was lost. */
  streams: Set<unknown>;
  /** Undefined once another loss has come: what is counted from then on is that one's. */
  before: Tally | undefined;
  controlLost: boolean;
  /** Whether it is a loss, and not a publisher that leaves. */
  certain: boolean;
}

/** Gathers open losses and gives each out once it is over. */
export class FailoverLog {
  #open: Open[] = [];
  #controlIsLost = false;
  readonly #report: (failover: Failover) => void;
  readonly #confirm: (event: Failover["event"], what: string) => void;

  /**
   * @param report takes each record once it is over.
   * @param confirm is told of each loss of a connection as soon as it is certain to be one.
   */
  constructor(
    report: (failover: Failover) => void,
    confirm: (event: Failover["event"], what: string) => void = () => {},
  ) {
    this.#report = report;
    this.#confirm = confirm;
  }

  /**
   * A connection is lost; that of a publisher may turn out to have been ended by it ({@link left}).
   *
   * @param heardAt when the last message came over it.
   * @param streams what came over it, compared by identity.
   */
  lost(
    event: "broker_lost" | "publisher_lost",
    what: string,
    heardAt: number,
    now: number,
    streams: Iterable<unknown>,
    before: Tally,
  ): void {
    const record: Failover = {
      time: heardAt,
      event,
      what,
      detected_ms: now - heardAt,
      data_back_ms: null,
      control_back_ms: null,
      recovered: 0,
      lost: 0,
      duplicates: 0,
      reordered: 0,
    };
    const open = {
      record,
      streams: new Set(streams),
      before,
      controlLost: this.#controlIsLost,
      certain: false,
    };
    this.#open.push(open);
    if (event === "broker_lost") this.#certain(open, before);
  }

  /** The publisher of a stream has left. */
  left(stream: unknown): void {
    this.#open = this.#open.filter(({ certain, streams }) =>
      certain || !streams.delete(stream) || streams.size > 0
    );
  }

  #certain(open: Open, before: Tally): void {
    open.certain = true;
    // What was counted so far belongs to the losses before: nothing is counted for two.
    for (const earlier of this.#open) {
      if (earlier === open) break;
      count(earlier, before);
    }
    this.#confirm(open.record.event, open.record.what);
  }

  /** A stream delivered something. */
  delivered(stream: unknown, now: number): void {
    for (const { record, streams } of this.#open) {
      if (record.data_back_ms === null && streams.has(stream)) record.data_back_ms = now - record.time;
    }
  }

  /** The primary is lost, too. */
  controlLost(): void {
    this.#controlIsLost = true;
    for (const open of this.#open) open.controlLost = true;
  }

  /** Registered with a primary again. */
  controlBack(now: number): void {
    this.#controlIsLost = false;
    for (const { record, controlLost } of this.#open) {
      if (controlLost) record.control_back_ms ??= now - record.time;
    }
  }

  /** The topic has a new owner, whose first sample is here. */
  ownerChanged(topic: string, lastOfOld: number, now: number): void {
    this.#report({
      time: lastOfOld,
      event: "owner_changed",
      what: topic,
      detected_ms: now - lastOfOld,
      data_back_ms: now - lastOfOld,
      control_back_ms: null,
      recovered: 0,
      lost: 0,
      duplicates: 0,
      reordered: 0,
    });
  }

  /** Give out what is over. @param all at the end: everything that is certain. */
  settle(now: number, tally: Tally, all = false): void {
    for (const open of this.#open) {
      const { record, certain, before } = open;
      const noticed = record.time + record.detected_ms;
      if (!certain && now - noticed >= CERTAIN_AFTER_MS) this.#certain(open, before ?? tally);
    }
    this.#open = this.#open.filter((open) => {
      const { record } = open;
      if (!open.certain) return !all;
      if (!all && now - record.time - record.detected_ms < CLOSE_AFTER_MS) return true;
      count(open, tally);
      this.#report(record);
      return false;
    });
  }
}

/** Put into the record what was counted since the loss, once. */
function count(open: Open, now: Tally): void {
  const { record, before } = open;
  if (before === undefined) return;
  for (const key of ["recovered", "lost", "duplicates", "reordered"] as const) {
    record[key] = now[key] - before[key];
  }
  open.before = undefined;
}
