/** What a stream is told of its surroundings, asks of them, shares with other streams, and counts. */
import type { SampleBatch } from "../wire/batch.ts";
import type { Room } from "./room.ts";

/** What a stream is told. */
export interface StreamOptions {
  /** Samples from before it joins. */
  requested: number;
  reliable: boolean;
  fence: Fence;
  /** Requests are numbered from here, below 2^31. */
  firstRequest?: number | undefined;
  /** What all streams of a subscriber share. Default one of its own. */
  room?: Room | undefined;
}

/** A request as the stream wants it sent. */
export interface WantedReplay {
  request: number;
  from: number;
  to: number;
  depth: number;
}

/** What a stream asks of its surroundings. */
export interface StreamOutput {
  /** These samples are next. */
  deliver(batch: SampleBatch): void;
  /** Ask the publisher. It may get lost: it is asked again. */
  request(wanted: WantedReplay): void;
  /** Numbers `from` … `to` will never come. @param refused whether there was no room when (some of) them came. */
  lost(from: number, to: number, refused: boolean): void;
  /** Numbers `from` … `to` were dropped for a later owner and will never come: the stream has ended, or gone on. */
  fenced(from: number, to: number): void;
}

/** The highest epoch that a subscriber has seen on a topic; shared by the topic's streams. */
export interface Fence {
  highest: bigint;
}

/** What happened to a stream's samples so far. */
export interface StreamCounters {
  delivered: number;
  historical: number;
  /** Delivered, not historical, out of an answer to a request. */
  recovered: number;
  lost: number;
  /** Received again and dropped. */
  repeated: number;
  /** Not delivered because a later owner of the topic had been heard. */
  fenced: number;
  /** Dropped as there was no room, to be asked for again; each time they were. */
  refused: number;
}

/** Of a stream that begins. */
export function newCounters(): StreamCounters {
  return { delivered: 0, historical: 0, recovered: 0, lost: 0, repeated: 0, fenced: 0, refused: 0 };
}
