/** All topics of a publisher: what they share, and what they come to together. */
import { PublishedTopic } from "./published_topic.ts";
import { type PublisherOptions, SLOW_MS } from "./publisher_options.ts";
import { Budget } from "../stream/budget.ts";
import { PublishedStream } from "../stream/published_stream.ts";

/** Samples of a topic that may be unacknowledged, if it is not told. */
const MAX_IN_FLIGHT = 100_000;
/** Kept for repair over all topics; of each at least, and at most 16 MiB. */
const REPAIR_BYTES = 128 * 1024 * 1024;
const MIN_REPAIR_BYTES = 1024 * 1024;
const MAX_REPAIR_BYTES = 16 * 1024 * 1024;

/** Whose topics they are, and where its messages go. */
export interface Source {
  readonly publisher: string;
  readonly incarnation: number;
  /** Copies what it needs of the message. */
  send(message: Uint8Array): void;
  /** Send an answer about a topic to a subscriber; one that is under way ends. */
  answer(topic: string, subscriber: string, messages: Iterator<Uint8Array>): void;
}

/** What they come to at this moment. */
export interface TopicFigures {
  /** Samples. */
  published: number;
  /** Topics. */
  owned: string[];
  /** Those that have joined, each once. */
  subscribers: number;
  /** Ids of those that are not waited for. */
  slow: string[];
  windowBytes: number;
}

/** The topics by name. */
export function publishedTopics(
  topics: readonly string[],
  options: PublisherOptions,
  { publisher, incarnation, send, answer }: Source,
): Map<string, PublishedTopic> {
  const budget = new Budget();
  const repairBytes = repairBytesOf(topics.length);
  const entries = topics.map((topic) => {
    const stream = new PublishedStream({
      topic,
      publisher,
      incarnation,
      offered: options.history ?? 1,
      flow: options.flow ?? "wait",
      maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT,
      slowMs: options.slowSubscriberMs ?? SLOW_MS,
      send,
      sendCopies: true,
      answer: (to, messages) => answer(topic, to, messages),
      repairBytes,
      budget,
    });
    return [topic, new PublishedTopic(stream, options.ownership === "shared")] as const;
  });
  return new Map(entries);
}

/** Bytes that each of so many topics keeps for repair. */
function repairBytesOf(topics: number): number {
  return Math.min(MAX_REPAIR_BYTES, Math.max(MIN_REPAIR_BYTES, Math.floor(REPAIR_BYTES / topics)));
}

/** Counts over all of them. */
export function figuresOf(topics: Iterable<PublishedTopic>): TopicFigures {
  const entries = [...topics];
  const streams = entries.map(({ stream }) => stream);
  return {
    published: streams.reduce((sum, { last }) => sum + last, 0),
    owned: entries.filter(({ ownership }) => ownership?.lease !== undefined).map(({ stream }) =>
      stream.topic
    ),
    subscribers: new Set(streams.flatMap(({ flow }) => flow.readers)).size,
    slow: [...new Set(streams.flatMap(({ flow }) => flow.slow))],
    windowBytes: streams.reduce((sum, { window }) => sum + window.byteLength, 0),
  };
}
