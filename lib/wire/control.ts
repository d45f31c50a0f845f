/**
 * The control plane: one JSON object a message between a client's DEALER and a broker's ROUTER, each checked
 * against a schema before anything looks at it. Decoding never throws.
 */
import { z } from "zod";
import { FormatError } from "../base/errors.ts";
import { isId, isTopic } from "../base/names.ts";

/** Version of the control protocol. */
export const CONTROL_VERSION = 1;
/** A larger message of a client is not read, nor a larger record. */
export const MAX_CONTROL_BYTES = 1 << 20;
/** A larger message of a broker is not read: 1000 matches with the longest names and reasons are less. */
export const MAX_BROKER_BYTES = 1 << 24;
/** More topics than this in one registration are refused. */
export const MAX_TOPICS = 1000;
/** Characters of the reason why a client is rejected. */
const LONGEST_REASON = 1000;
/** Characters of other texts that a broker sends, and of an endpoint. */
const LONGEST_TEXT = 300;
/** A larger keep-alive is not read: what it tells is kept for as long as the client is registered. */
export const MAX_PING_BYTES = 16_384;
/** A broker may not ask for keep-alives less often than this, milliseconds: it would be taken for dead too late. */
const MAX_HEARTBEAT_MS = 10_000;

const id = z.string().refine(isId, "must be 1 to 64 characters out of A-Z a-z 0-9 . _ -");
const topic = z.string().refine(isTopic, "must be 1 to 255 bytes of UTF-8 without NUL");
const u32 = z.int().min(0).max(0xffffffff);
const depth = u32;
const zone = z.int().min(1);
const endpoint = z.string().refine(isEndpoint, "must be tcp://HOST:PORT");
/** A figure that a client tells of itself: nothing nested, nothing long. */
const figure = z.unknown().refine(isFigure, "must be a number, a boolean, a short text or a list of such");

/** What every client declares. */
interface ClientInfo {
  id: string;
  topics: string[];
  /** Where it listens: an endpoint; empty if nobody is to connect to it. */
  address: string;
  ownership: Ownership;
  /** Drawn at start: tells a restarted client from the one before. */
  incarnation: number;
}

/** What a publisher declares: in its registration and in its record `/shared_state/publishers/<id>`. */
export interface PublisherInfo extends ClientInfo {
  offered: number;
  strength: number;
  centralized: boolean;
}

/** What a subscriber declares: in its registration and in its record `/shared_state/subscribers/<id>`. */
export interface SubscriberInfo extends ClientInfo {
  requested: number;
  reliability: "reliable" | "best-effort";
  /** Undefined: the broker decides. */
  centralized?: boolean | undefined;
}

const client = {
  id,
  topics: z.array(topic).min(1).max(MAX_TOPICS),
  address: z.string().max(LONGEST_TEXT),
  ownership: z.enum(["exclusive", "shared"]),
  incarnation: u32,
};

const publisher = z.object({
  ...client,
  offered: depth,
  strength: z.int(),
  centralized: z.boolean(),
});
/** Where subscribers are to connect must be an endpoint: they would fail on anything else. */
const isReachable = ({ address, centralized }: { address: string; centralized: boolean }) =>
  isEndpoint(address) || (centralized && address === "");
const reachable = { message: "must be tcp://HOST:PORT, or empty if centralized", path: ["address"] };
const publisherInfo: z.ZodType<PublisherInfo> = publisher.refine(isReachable, reachable);
const subscriberInfo = z.object({
  ...client,
  requested: depth,
  reliability: z.enum(["reliable", "best-effort"]).default("reliable"),
  centralized: z.boolean().optional(),
});
/** A client's record in ZooKeeper: what it declared and the zone that accepted it. */
export const publisherRecord = publisher.extend({ zone }).refine(isReachable, reachable);
export const subscriberRecord = subscriberInfo.extend({ zone });
/** What a broker says of itself, `/brokers/<id>` and `/primaries/zone_<n>`. */
export interface BrokerRecord {
  /** Its id. */
  broker: string;
  /** The zone that it belongs to. */
  zone: number;
  /** The address under which others reach it. */
  host: string;
  /** Where clients register: an endpoint, `tcp://HOST:PORT`, as the following are. */
  control: string;
  /** Where publishers send to. */
  ingress: string;
  /** Where subscribers listen to. */
  egress: string;
  /** Whether it does not lead its zone. */
  standby: boolean;
  /** It is about to end: no new clients, and no data through it that could go elsewhere. */
  draining?: boolean | undefined;
  /** Fencing token of its leadership, decimal; only while it leads. */
  epoch?: string | undefined;
}

const brokerRecord: z.ZodType<BrokerRecord> = z.object({
  broker: id,
  zone,
  host: z.string().max(255),
  control: endpoint,
  ingress: endpoint,
  egress: endpoint,
  standby: z.boolean().default(false),
  draining: z.boolean().optional(),
  epoch: z.string().regex(/^\d{1,20}$/).optional(),
});

/** `/shared_state/ended/<publisher>-<incarnation>`: the last number of each stream that not everybody has got. */
export const endedRecord = z.object({
  publisher: id,
  incarnation: u32,
  streams: z.array(z.object({ topic, last: z.int().min(0) })).max(MAX_TOPICS),
});

export type EndedRecord = z.infer<typeof endedRecord>;
export type PublisherRecord = z.infer<typeof publisherRecord>;
export type SubscriberRecord = z.infer<typeof subscriberRecord>;
/** Whether only the samples of a topic's owner are delivered, or those of all its publishers. */
export type Ownership = "exclusive" | "shared";

const register = {
  type: z.literal("register"),
  v: z.literal(CONTROL_VERSION),
  /** It stays in the zone it has named: it is not to be sent elsewhere. */
  pinned: z.boolean().optional(),
  /** Drawn at start and told to brokers only: who knows it is this client, by whatever connection. */
  key: z.string().max(64).optional(),
  /** Grows with every registration of this client: one that comes late does not replace a later one. */
  attempt: z.int().min(0).optional(),
};
const clientMessage = z.discriminatedUnion("type", [
  z.discriminatedUnion("role", [
    z.object({ ...register, role: z.literal("publisher"), publisher: publisherInfo }),
    z.object({ ...register, role: z.literal("subscriber"), subscriber: subscriberInfo }),
  ]),
  z.object({
    type: z.literal("ping"),
    id,
    time: z.number(),
    stats: z.record(z.string().max(40), figure),
  }),
  z.object({ type: z.literal("unregister"), id }),
  /** The client has missed a change of its matches: send all of them. */
  z.object({ type: z.literal("resync"), id }),
  /** `brief`: without the clients. */
  z.object({ type: z.literal("status"), brief: z.boolean().optional() }),
]);

const version = z.int().min(0);
/** Why a publisher and a subscriber of one topic do not match. */
export interface Mismatch {
  /** The topic that both have. */
  topic: string;
  /** Id of the publisher. */
  publisher: string;
  /** Id of the subscriber. */
  subscriber: string;
  /** What does not fit. */
  policy: "history" | "ownership";
  /** What the publisher offers. */
  offered: string;
  /** What the subscriber requests. */
  requested: string;
  /** What to do about it, for people. */
  fix: string;
}

const mismatch: z.ZodType<Mismatch> = z.object({
  topic,
  publisher: id,
  subscriber: id,
  policy: z.enum(["history", "ownership"]),
  offered: z.string().max(40),
  requested: z.string().max(40),
  fix: z.string().max(LONGEST_TEXT),
});
const streamMatch = z.object({
  topic,
  publisher: id,
  incarnation: u32,
  ownership: z.enum(["exclusive", "shared"]),
  /** Where to connect, best first: one publisher, or brokers' egress sockets. Empty on the wire for the latter. */
  endpoints: z.array(endpoint).max(10),
  through: z.enum(["publisher", "broker"]),
});
/** `life`: the subscriber's incarnation, which it puts into what it says to the publisher. */
const subscriberMatch = z.object({ topic, subscriber: id, reliable: z.boolean(), life: u32 });

const brokerMessage = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("registered"),
    zone,
    broker: id,
    heartbeat: z.number().min(1).max(MAX_HEARTBEAT_MS),
  }),
  z.object({ type: z.literal("rejected"), code: z.string().max(40), reason: z.string().max(LONGEST_REASON) }),
  z.object({ type: z.literal("not_primary"), primary: id.optional() }),
  /** Whoever asks is not registered by this connection: it may register. */
  z.object({ type: z.literal("unregistered") }),
  /**
   * With `base` what has changed since that version: every pair (topic, peer) that is named in any list is replaced by
   * what the lists say of it. Without `base` everything.
   */
  z.object({
    type: z.literal("matches"),
    version,
    base: version.optional(),
    streams: z.array(streamMatch).default([]),
    subscribers: z.array(subscriberMatch).default([]),
    mismatches: z.array(mismatch).default([]),
    removed: z.array(z.object({ topic, peer: id })).default([]),
    /** Where its data goes through when it has changed: egress sockets, best first; a publisher's: every ingress. */
    brokers: z.array(endpoint).optional(),
    /** The next message belongs to this one. */
    more: z.boolean().optional(),
  }),
  z.object({ type: z.literal("reassign"), zone, reason: z.string().max(LONGEST_TEXT) }),
  /** `version`: of the matches that the client was sent last. */
  z.object({ type: z.literal("pong"), time: z.number(), clock: z.number(), version: version.optional() }),
  z.object({ type: z.literal("status"), status: z.record(z.string(), z.unknown()) }),
]);

export type ClientMessage = z.infer<typeof clientMessage>;
export type BrokerMessage = z.infer<typeof brokerMessage>;
export type StreamMatch = z.infer<typeof streamMatch>;
export type SubscriberMatch = z.infer<typeof subscriberMatch>;
/** Matches on the wire. */
export type MatchMessage = Extract<BrokerMessage, { type: "matches" }>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One message as bytes. */
export function encodeControl(message: ClientMessage | BrokerMessage): Uint8Array {
  return encoder.encode(JSON.stringify(message));
}

/** Whether `text` is an endpoint that a socket can connect to, such as `tcp://10.0.0.3:4711` or `tcp://[::1]:4711`. */
function isEndpoint(text: string): boolean {
  if (text.length > LONGEST_TEXT) return false;
  const port = /^tcp:\/\/(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.-]+):(\d{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65535;
}

function isFigure(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((one) => !Array.isArray(one) && isFigure(one));
  if (typeof value === "string") return value.length <= LONGEST_TEXT;
  return value === null || typeof value === "number" || typeof value === "boolean";
}

function parseJson(bytes: Uint8Array, limit: number): unknown {
  if (bytes.length > limit) {
    throw new FormatError(`message of ${bytes.length} bytes, must be at most ${limit}`);
  }
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    throw new FormatError("not JSON");
  }
}

/** The first thing that is wrong, as one short line: `topics[0] must be …`. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return "does not follow the schema";
  const path = issue.path.map((part) => typeof part === "number" ? `[${part}]` : `.${String(part)}`).join("");
  const text = `${path.slice(path.startsWith(".") ? 1 : 0) || "message"}: ${issue.message}`;
  // A path may hold names that the sender chose.
  return text.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, " ").slice(0, 200);
}

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array, limit = MAX_CONTROL_BYTES): T | FormatError {
  let value: unknown;
  try {
    value = parseJson(bytes, limit);
  } catch (error) {
    return error as FormatError;
  }
  const result = schema.safeParse(value);
  return result.success ? result.data : new FormatError(firstIssue(result.error));
}

/** Read a client's message. @returns it, or what is wrong with it. Never throws. */
export function decodeClientMessage(bytes: Uint8Array): ClientMessage | FormatError {
  const message = parse(clientMessage, bytes);
  if (message instanceof FormatError || message.type !== "ping" || bytes.length <= MAX_PING_BYTES) {
    return message;
  }
  return new FormatError(`keep-alive of ${bytes.length} bytes, must be at most ${MAX_PING_BYTES}`);
}

/** Read a broker's message. @returns it, or what is wrong with it. Never throws. */
export function decodeBrokerMessage(bytes: Uint8Array): BrokerMessage | FormatError {
  return parse(brokerMessage, bytes, MAX_BROKER_BYTES);
}

/** A parser of records for the recipes. @throws {FormatError} naming the znode and the rule. */
function recordParser<T>(schema: z.ZodType<T>, what: string): (data: Uint8Array, name: string) => T {
  return (data, name) => {
    const result = parse(schema, data);
    if (result instanceof FormatError) throw new FormatError(`${what} ${name}: ${result.message}`);
    return result;
  };
}

/** The same for a client's record, which is named after the client: under another name it would never be removed. */
function clientParser<T extends { id: string }>(schema: z.ZodType<T>, what: string) {
  const read = recordParser(schema, what);
  return (data: Uint8Array, name: string): T => {
    const record = read(data, name);
    if (record.id === name) return record;
    throw new FormatError(`${what} ${name}: id: must be the record's name, is ${record.id}`);
  };
}

export const parsePublisherRecord = clientParser(publisherRecord, "publisher record");
export const parseSubscriberRecord = clientParser(subscriberRecord, "subscriber record");
export const parseBrokerRecord = recordParser(brokerRecord, "broker record");
export const parseEndedRecord = recordParser(endedRecord, "record of ended streams");
