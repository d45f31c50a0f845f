/**
 * What a publisher looks at now and then, oftener while somebody waits: whether leases have run out, who is too slow to
 * be waited for, what has to be said again as it may have got lost, and who is not reached.
 *
 * Guarantee: who waits is let look again at every round. Time is a parameter of what a round does, {@link Rounds.look}.
 */
import type { Outlet } from "./outlet.ts";
import type { PublishedTopic } from "./published_topic.ts";
import type { PublisherPort } from "./publisher_port.ts";
import type { Readers } from "./readers.ts";
import type { TopicOwners } from "./topic_owners.ts";
import { announce, UnreachedWatch } from "./unreached.ts";
import { monotonic } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import type { ClockEstimate } from "../model/broker_clock.ts";
import type { ClientEvent } from "../model/client_options.ts";
import { clockDiffers } from "../model/clock_notices.ts";
import type { UnreachedPeer } from "../model/zone_health.ts";

/** A round while somebody waits, and else. */
const ROUND_MS = 100;
const IDLE_ROUND_MS = 500;
/** How far a stream is, is said after so long a silence. */
const MARK_IDLE_MS = 1000;

const log = logger("publisher");

/** What the rounds need of their publisher. */
export interface RoundsOwner {
  readonly publisher: string;
  readonly leaving: AbortSignal;
  readonly topics: ReadonlyMap<string, PublishedTopic>;
  readonly outlet: Pick<Outlet, "awaited" | "wake">;
  readonly owners: Pick<TopicOwners, "notice">;
  readonly readers: Pick<Readers, "look" | "awaited" | "hasJoined">;
  readonly port: Pick<PublisherPort, "endpoint" | "down" | "reaches">;
  readonly events: { push(event: ClientEvent): void };
  /** How our clock and our broker's differ, if that is known. */
  clock(): Pick<ClockEstimate, "offset" | "bound"> | undefined;
}

/** The rounds of one publisher. */
export class Rounds {
  readonly #owner: RoundsOwner;
  readonly #unreached = new UnreachedWatch();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle = true;

  constructor(owner: RoundsOwner) {
    this.#owner = owner;
  }

  /** Make one now, and others from now on. */
  start(): void {
    this.#soon(this.look(monotonic()));
    this.#owner.outlet.wake();
  }

  /** Somebody waits from now on. */
  hurry(): void {
    if (this.#idle && !this.#owner.leaving.aborted) this.#soon(true);
  }

  /** Make no more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #soon(urgent: boolean): void {
    this.#idle = !urgent;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), urgent ? ROUND_MS : IDLE_ROUND_MS);
  }

  /** For the broker: those who are late now, the first few. */
  unreached(now: number): UnreachedPeer[] {
    return this.#unreached.told(now);
  }

  /** One round. @returns whether somebody waits. */
  look(now: number): boolean {
    const { publisher, topics, outlet, readers, port, events } = this.#owner;
    const clock = this.#owner.clock();
    const clockOffset = clock !== undefined && clockDiffers(clock) ? clock.offset : 0;
    let urgent = outlet.awaited;
    for (const entry of topics.values()) {
      entry.stream.clockOffset = clockOffset;
      urgent ||= entry.stream.full;
      this.#lookAt(entry, now);
    }
    readers.look(now);
    const current = [...readers.awaited(port.endpoint), ...port.down];
    const news = this.#unreached.look(
      now,
      current,
      ({ kind, id, endpoint }) => kind === "broker" ? port.reaches(endpoint) : readers.hasJoined(id),
    );
    announce(news, publisher, log, events);
    return urgent;
  }

  #lookAt(entry: PublishedTopic, now: number): void {
    const { publisher, owners, events } = this.#owner;
    const { stream } = entry;
    const { topic, flow } = stream;
    if (entry.decided) owners.notice(entry);
    for (const subscriber of stream.dropSlow(now)) {
      log.warn(
        `${publisher}: subscriber ${subscriber} of topic ${topic} ${
          flow.pace(subscriber, now)
        }: not waited for any more, ` +
          `it has not acknowledged ${stream.last - flow.deliveredTo(subscriber)} samples`,
      );
      events.push({ type: "slow", topic, subscriber });
    }
    // While we wait for acknowledgements, ask for them: the last one may have got lost.
    if (stream.full && stream.unacknowledged) stream.mark(now, ROUND_MS, true);
    else stream.mark(now, MARK_IDLE_MS);
  }
}
