/**
 * What a peer can pour into a port of a broker or a publisher, by hand: subscriptions, requests, unfinished messages,
 * questions for signs of life among them; and then it leaves, or is gone in the middle of it.
 */
import { frameBytes, join, pingBytes, subscriptionBytes, unfinishedBytes, ZmtpPeer } from "./zmtp_peer.ts";
import { encodeControl } from "../../lib/wire/control.ts";
import { encodeUpstream } from "../../lib/wire/upstream.ts";

/** One kind of flood. */
export interface Flood {
  readonly name: string;
  /** What the flooding peer says it is. */
  readonly type: string;
  /** All of it, in pieces. */
  pieces(): Generator<Uint8Array<ArrayBuffer>>;
}

const PIECE = 500;
/** A ping stands between two pieces: the library is to find one in whatever it has read already. */
const PING = pingBytes();

function* repeated(count: number, one: (index: number) => Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
  for (let start = 0; start < count; start += PIECE) {
    const size = Math.min(PIECE, count - start);
    yield join(...Array.from({ length: size }, (_, index) => one(start + index)), PING);
  }
}

/** A key of so many bytes that shares nothing with others. */
function randomKey(size: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(size)).map((byte) => 97 + byte % 26);
}

function request(index: number): Uint8Array {
  return frameBytes(encodeUpstream(
    {
      kind: "request",
      publisher: "p1",
      topic: "A",
      subscriber: `invented-${index}`,
      incarnation: 1,
      life: 1,
      request: index,
      from: 0,
      to: 0,
      depth: 1,
      reliable: true,
      credit: { bytes: 1 << 20, messages: 100 },
    },
  ));
}

/** To a broker's egress, or a publisher's port. */
export const TO_PUBLISHERS: readonly Flood[] = [
  {
    name: "12,000 subscriptions of 2,000 bytes",
    type: "SUB",
    pieces: () => repeated(12_000, () => subscriptionBytes(randomKey(2000))),
  },
  {
    name: "12,000 subscriptions of 380 bytes",
    type: "SUB",
    pieces: () => repeated(12_000, () => subscriptionBytes(randomKey(380))),
  },
  { name: "50,000 requests in invented names", type: "XSUB", pieces: () => repeated(50_000, request) },
  {
    name: "200,000 parts of a message that never ends",
    type: "XSUB",
    pieces: () => repeated(200_000, () => unfinishedBytes(new Uint8Array(8))),
  },
];

/** To a broker's egress: more than its thread can take in at once. */
export const TO_EGRESS: readonly Flood[] = [
  ...TO_PUBLISHERS,
  {
    name: "100,000 subscriptions of 500 bytes",
    type: "SUB",
    pieces: () => repeated(100_000, () => subscriptionBytes(randomKey(500))),
  },
];

/** To a broker's control socket. */
export const TO_CONTROL: readonly Flood[] = [
  {
    name: "50,000 questions",
    type: "DEALER",
    pieces: () => repeated(50_000, () => frameBytes(encodeControl({ type: "resync", id: "nobody" }))),
  },
  {
    name: "12,000 messages of 2,000 bytes",
    type: "DEALER",
    pieces: () => repeated(12_000, () => frameBytes(new Uint8Array(2000))),
  },
  {
    name: "200,000 parts of a message that never ends",
    type: "DEALER",
    pieces: () => repeated(200_000, () => unfinishedBytes(new Uint8Array(8))),
  },
];

/** To a broker's ingress. */
export const TO_INGRESS: readonly Flood[] = [
  {
    name: "12,000 samples of 2,000 bytes",
    type: "XPUB",
    pieces: () => repeated(12_000, () => frameBytes(new Uint8Array(2000))),
  },
  {
    name: "50,000 samples of no stream",
    type: "PUB",
    pieces: () => repeated(50_000, (index) => frameBytes(new Uint8Array([index & 255, 7]))),
  },
];

/**
 * Pour a flood into a port.
 *
 * @param endOf what is left of it after that share, 0 to 1: the peer is gone in the middle; 1 lets it leave after
 *   everything. Being cut off by the other end is an end like any other.
 * @param from the address that it comes from.
 */
export async function pour(flood: Flood, endpoint: string, endOf = 1, from?: string): Promise<void> {
  const pieces = [...flood.pieces()];
  using peer = await ZmtpPeer.connect({ endpoint, from, type: flood.type });
  try {
    for (const piece of pieces.slice(0, Math.ceil(pieces.length * endOf))) await peer.write(piece);
  } catch {
    // It was cut off.
  }
}
