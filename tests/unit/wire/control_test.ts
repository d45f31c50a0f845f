import assert from "node:assert/strict";
import fc from "fast-check";
import { FormatError } from "../../../lib/base/errors.ts";
import { MatchFeed } from "../../../lib/model/match_feed.ts";
import { MatchIndex } from "../../../lib/model/match_index.ts";
import {
  type BrokerMessage,
  type ClientMessage,
  decodeBrokerMessage,
  decodeClientMessage,
  encodeControl,
  MAX_BROKER_BYTES,
  MAX_CONTROL_BYTES,
  MAX_TOPICS,
  parseBrokerRecord,
  parsePublisherRecord,
  parseSubscriberRecord,
  type PublisherInfo,
  type SubscriberInfo,
} from "../../../lib/wire/control.ts";
import { id, topic, u32 } from "./arbitraries.ts";

const PUBLISHER: PublisherInfo = {
  id: "p",
  topics: ["A"],
  address: "tcp://10.0.0.3:4711",
  ownership: "exclusive",
  incarnation: 1,
  offered: 5,
  strength: -3,
  centralized: false,
};
const SUBSCRIBER: SubscriberInfo = {
  id: "s",
  topics: ["A", "B"],
  address: "",
  ownership: "shared",
  incarnation: 2,
  requested: 0,
  reliability: "reliable",
  centralized: true,
};
const CLIENT_MESSAGES: ClientMessage[] = [
  { type: "register", v: 1, role: "publisher", publisher: PUBLISHER },
  { type: "register", v: 1, role: "subscriber", subscriber: SUBSCRIBER, pinned: true },
  {
    type: "ping",
    id: "p",
    time: 1.5,
    stats: { published: 3, slow: ["a", "b"], name: "x", none: null, yes: true },
  },
  { type: "unregister", id: "p" },
  { type: "resync", id: "p" },
  { type: "status", brief: true },
];
const BROKER_MESSAGES: BrokerMessage[] = [
  { type: "registered", zone: 1, broker: "b", heartbeat: 1000 },
  { type: "rejected", code: "id_in_use", reason: "because" },
  { type: "not_primary", primary: "b" },
  {
    type: "matches",
    version: 2,
    base: 1,
    streams: [{
      topic: "A",
      publisher: "p",
      incarnation: 1,
      ownership: "exclusive",
      endpoints: ["tcp://10.0.0.3:4711"],
      through: "publisher",
    }],
    subscribers: [{ topic: "A", subscriber: "s", reliable: true, life: 7 }],
    mismatches: [{
      topic: "A",
      publisher: "p",
      subscriber: "s",
      policy: "history",
      offered: "5",
      requested: "20",
      fix: "more",
    }],
    removed: [{ topic: "A", peer: "p" }],
    brokers: ["tcp://10.0.0.3:4711"],
    more: true,
  },
  { type: "reassign", zone: 2, reason: "crowded" },
  { type: "pong", time: 1, clock: 2, version: 3 },
  { type: "status", status: { anything: [{ nested: true }] } },
];
const BROKER_RECORD = {
  broker: "b",
  zone: 1,
  host: "10.0.0.3",
  control: "tcp://10.0.0.3:1",
  ingress: "tcp://h.example:2",
  egress: "tcp://[::1]:65535",
  standby: false,
  epoch: "12",
};
const utf8 = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => utf8(JSON.stringify(value));

/** The reason, after it was found to be a good one: one short line. */
function reasonOf(result: unknown): string {
  assert.ok(result instanceof FormatError, "was accepted");
  assert.match(result.message, /^[^\p{Cc}\u2028\u2029]{1,300}$/u);
  return result.message;
}
function thrown(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

Deno.test("every kind of message is read as it was written", () => {
  for (const message of CLIENT_MESSAGES) {
    assert.deepEqual(decodeClientMessage(encodeControl(message)), message);
  }
  for (const message of BROKER_MESSAGES) {
    assert.deepEqual(decodeBrokerMessage(encodeControl(message)), message);
  }
});

/** Every place in a value: the path of keys to it. */
function* places(value: unknown, path: (string | number)[] = []): Generator<(string | number)[]> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield* places(inner, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}
function replaced(value: unknown, [key, ...rest]: (string | number)[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.map((one, i) => i === key ? replaced(one, rest, by) : one);
  const object = value as Record<string, unknown>;
  return { ...object, [key]: replaced(object[key], rest, by) };
}

const WRONG: unknown[] = [null, true, -1.5, 1e300, "", "\0\n", "x".repeat(2000), [], [[]], {}, {
  a: { b: [] },
}];

Deno.test("a wrong type anywhere is refused with one line that says where, or is of no consequence", () => {
  const decoders = [
    ...CLIENT_MESSAGES.map((message) => [message, decodeClientMessage] as const),
    ...BROKER_MESSAGES.map((message) => [message, decodeBrokerMessage] as const),
  ];
  let refused = 0;
  for (const [message, decode] of decoders) {
    for (const path of places(message)) {
      // What a client or broker tells of its state may be anything flat, or anything.
      if (path.includes("stats") || path.includes("status")) continue;
      for (const wrong of WRONG) {
        const result = decode(json(replaced(message, path, wrong)));
        if (result instanceof FormatError) {
          refused++;
          reasonOf(result);
          continue;
        }
        // What was accepted is of the right type, whatever else it is: it can be written and read again.
        assert.deepEqual(decode(encodeControl(result as ClientMessage & BrokerMessage)), result);
        const [last] = path.slice(-1);
        const original = path.reduce((at: unknown, key) => (at as Record<string, unknown>)[key], message);
        assert.equal(
          Array.isArray(wrong),
          Array.isArray(original),
          `${path.join(".")} = ${JSON.stringify(wrong)}`,
        );
        if (wrong !== null && typeof wrong !== "object") {
          assert.equal(typeof wrong, typeof original, String(last));
        }
      }
    }
  }
  assert.ok(refused > 300);
});

Deno.test("the reason names the place", () => {
  const reason = (value: unknown) => reasonOf(decodeClientMessage(json(value)));
  const publisher = (change: Record<string, unknown>) => ({
    type: "register",
    v: 1,
    role: "publisher",
    publisher: { ...PUBLISHER, ...change },
  });
  assert.match(
    reason(publisher({ topics: ["A", "a\0"] })),
    /^publisher\.topics\[1\]: must be 1 to 255 bytes/,
  );
  assert.match(reason(publisher({ topics: [] })), /^publisher\.topics: /);
  assert.match(reason(publisher({ topics: Array(MAX_TOPICS + 1).fill("A") })), /^publisher\.topics: /);
  assert.match(reason(publisher({ id: "a\nb" })), /^publisher\.id: must be 1 to 64 characters/);
  assert.match(reason(publisher({ offered: -1 })), /^publisher\.offered: /);
  assert.match(reason(publisher({ offered: 2 ** 32 })), /^publisher\.offered: /);
  assert.match(reason(publisher({ incarnation: 1.5 })), /^publisher\.incarnation: /);
  assert.match(reason({ ...publisher({}), v: 2 }), /^v: /);
  assert.match(reason({ type: "shutdown" }), /^type: /);
  assert.match(reason(7), /^message: /);
  assert.match(reason({ type: "ping", id: "p", time: 1, stats: { ["a\nb".repeat(20)]: 1 } }), /^stats\.a b/);
});

Deno.test("an address that nobody can connect to is refused: the subscribers would fail on it", () => {
  const decode = (address: string, centralized = false) =>
    decodeClientMessage(
      json({ type: "register", v: 1, role: "publisher", publisher: { ...PUBLISHER, address, centralized } }),
    );
  for (
    const good of ["tcp://10.0.0.3:1", "tcp://host-1.example:65535", "tcp://[fe80::1%eth0]:80", "tcp://a_b:7"]
  ) {
    assert.ok(!(decode(good) instanceof FormatError), good);
  }
  const bad = [
    "",
    "x",
    "tcp://",
    "tcp://x",
    "tcp://x:0",
    "tcp://x:65536",
    "tcp://x:1;y:2",
    "inproc://x",
    "ipc:///x",
  ];
  for (const address of [...bad, "tcp://a b:1", "tcp://x:1/", `tcp://${"x".repeat(300)}:1`, "tcp://x:1\n"]) {
    assert.match(reasonOf(decode(address)), /^publisher\.address: /, address);
  }
  assert.ok(!(decode("", true) instanceof FormatError), "centralized: nobody connects to it");
  assert.match(reasonOf(decode("x", true)), /^publisher\.address: /);
});

Deno.test("what a client tells of itself is flat and short", () => {
  const decode = (stats: unknown) => decodeClientMessage(json({ type: "ping", id: "p", time: 1, stats }));
  assert.ok(!(decode({ a: 1, b: "x", c: null, d: true, e: ["x", 1] }) instanceof FormatError));
  for (
    const stats of [{ a: {} }, { a: [[]] }, { a: [{}] }, { a: "x".repeat(301) }, [], null, {
      ["x".repeat(41)]: 1,
    }]
  ) {
    reasonOf(decode(stats));
  }
  const message = decode(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}'));
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  if (!(message instanceof FormatError) && message.type === "ping") {
    assert.equal((message.stats as Record<string, unknown>).polluted, undefined);
  }
});

Deno.test("any bytes are a message or a reason why not, never an exception", () => {
  const texts = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(utf8),
    fc.constantFrom(...CLIENT_MESSAGES, ...BROKER_MESSAGES).chain((message) => {
      const bytes = encodeControl(message);
      return fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 32, max: 126 })).map(([at, value]) => {
        const changed = bytes.slice();
        changed[at] = value;
        return changed;
      });
    }),
  );
  fc.assert(
    fc.property(texts, (bytes) => {
      for (const decode of [decodeClientMessage, decodeBrokerMessage]) {
        const result = decode(bytes);
        if (result instanceof FormatError) reasonOf(result);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("deep nesting is refused or read, but ends nobody", () => {
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  reasonOf(decodeClientMessage(utf8(`{"type":"ping","id":"a","time":1,"stats":{"a":${deep}}}`)));
  reasonOf(decodeClientMessage(utf8(deep)));
});

Deno.test("what is too large is not even parsed", () => {
  const long = utf8(`{"type":"unregister","id":"a"${" ".repeat(MAX_CONTROL_BYTES)}}`);
  assert.match(reasonOf(decodeClientMessage(long)), /must be at most 1048576/);
  assert.match(reasonOf(decodeBrokerMessage(new Uint8Array(MAX_BROKER_BYTES + 1))), /must be at most/);
});

Deno.test("a registration with the most topics and the longest names is read", () => {
  const topics = Array.from({ length: MAX_TOPICS }, (_, i) => String(i).padEnd(255, "x"));
  const message: ClientMessage = {
    type: "register",
    v: 1,
    role: "subscriber",
    subscriber: { ...SUBSCRIBER, topics },
  };
  assert.deepEqual(decodeClientMessage(encodeControl(message)), message);
});

Deno.test("the largest message of matches is read, whatever the names are and how many policies fail", () => {
  const topics = Array.from({ length: MAX_TOPICS }, (_, i) => String(i).padEnd(255, "\x01"));
  const index = new MatchIndex();
  index.setPublisher({ ...PUBLISHER, id: "p".repeat(64), topics, offered: 4294967294 });
  const info: SubscriberInfo = { ...SUBSCRIBER, id: "s".repeat(64), topics, requested: 4294967295 };
  const routing = { egress: [], ingress: [], centralized: false };
  const messages = new MatchFeed({ role: "subscriber", info }, index).whole(routing);
  assert.ok(messages.length > 0);
  for (const message of messages) {
    const bytes = encodeControl(message);
    assert.deepEqual(decodeBrokerMessage(bytes), message);
    assert.ok(bytes.length < MAX_BROKER_BYTES / 2);
  }
});

Deno.test("records are read as they were written, and their reasons name the znode", () => {
  const publisher = { ...PUBLISHER, zone: 3 };
  assert.deepEqual(parsePublisherRecord(json(publisher), "p"), publisher);
  assert.deepEqual(parseSubscriberRecord(json({ ...SUBSCRIBER, zone: 1 }), "s"), { ...SUBSCRIBER, zone: 1 });
  assert.deepEqual(parseBrokerRecord(json(BROKER_RECORD), "b"), BROKER_RECORD);
  assert.match(
    reasonOf(thrown(() => parsePublisherRecord(json(PUBLISHER), "p"))),
    /^publisher record p: zone: /,
  );
  assert.match(
    reasonOf(thrown(() => parseSubscriberRecord(utf8("junk"), "s"))),
    /^subscriber record s: not JSON/,
  );
  assert.match(
    reasonOf(thrown(() => parseBrokerRecord(json({ ...BROKER_RECORD, egress: "x" }), "b"))),
    /egress/,
  );
  assert.match(
    reasonOf(thrown(() => parseBrokerRecord(json({ ...BROKER_RECORD, epoch: "-1" }), "b"))),
    /epoch/,
  );
});

Deno.test("a client's record under another name than its id is refused: nobody would ever remove it", () => {
  const record = json({ ...PUBLISHER, zone: 3 });
  assert.match(reasonOf(thrown(() => parsePublisherRecord(record, "q"))), /must be the record's name, is p/);
});

Deno.test("declarations with any names are read as they were written", () => {
  fc.assert(
    fc.property(id, fc.array(topic, { minLength: 1, maxLength: 5 }), u32, (id, topics, incarnation) => {
      const message: ClientMessage = {
        type: "register",
        v: 1,
        role: "publisher",
        publisher: { ...PUBLISHER, id, topics, incarnation },
      };
      assert.deepEqual(decodeClientMessage(encodeControl(message)), message);
    }),
  );
});
