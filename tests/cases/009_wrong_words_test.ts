/** Case 9: from JavaScript, words and kinds that no option has were taken, and a payload that is none stopped its readers. */
import assert from "node:assert/strict";
import { systemTest } from "../harness/system.ts";
import { BackupPool, Broker, Publisher, Subscriber, UsageError, ZooKeeperServer } from "../../lib/mod.ts";

const zookeeper = "127.0.0.1:2181";
const client = { zookeeper, topics: ["A"] };

/** As JavaScript gives them. */
function refusal(make: (options: never) => unknown, options: unknown): string {
  try {
    make(options as never);
  } catch (error) {
    assert.ok(error instanceof UsageError, `${error}`);
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  throw new Error(`${JSON.stringify(options)} was taken`);
}

const publisher = (options: unknown) => refusal((given) => new Publisher(given), options);
const subscriber = (options: unknown) => refusal((given) => new Subscriber(given), options);
const broker = (options: unknown) => refusal((given) => new Broker(given), options);
const pool = (options: unknown) => refusal((given) => new BackupPool(given), options);

Deno.test("case 9: a word that an option does not have is refused, with the option, the word and the rule", () => {
  assert.equal(publisher({ ...client, flow: "block" }), 'Invalid flow "block": must be "wait" or "drop"');
  const assignments = '"random" or "least-loaded" or "two-choices"';
  assert.equal(
    publisher({ ...client, assignment: "rand" }),
    `Invalid assignment "rand": must be ${assignments}`,
  );
  assert.equal(subscriber({ ...client, assignment: "" }), `Invalid assignment "": must be ${assignments}`);
  assert.match(
    publisher({ ...client, ownership: "none" }),
    /^Invalid ownership "none": must be "exclusive" or "shared"$/,
  );
  assert.match(
    publisher({ ...client, whenNotOwner: true }),
    /^Invalid whenNotOwner true: must be "drop" or "wait"$/,
  );
  assert.match(
    subscriber({ ...client, reliability: "best effort" }),
    /^Invalid reliability "best effort": must be /,
  );
});

Deno.test("case 9: a value of another kind is refused: what looks like a number or a yes is none", () => {
  assert.equal(publisher({ zookeeper, topics: "A" }), 'Invalid topics "A": must be a list');
  assert.equal(publisher({ zookeeper, topics: [5] }), "Invalid topic 5: must be a text");
  assert.equal(publisher({ ...client, id: 5 }), "Invalid id 5: must be a text");
  assert.equal(
    publisher({ ...client, history: "5" }),
    'Invalid history "5": must be a whole number, 0 to 4294967295',
  );
  assert.equal(publisher({ ...client, zone: "2" }), 'Invalid zone "2": must be a positive integer');
  assert.equal(publisher({ ...client, zone: null }), "Invalid zone null: must be a positive integer");
  assert.equal(
    publisher({ ...client, bindPort: 70_000 }),
    "Invalid bind port 70000: must be a whole number, 0 to 65535",
  );
  assert.equal(
    publisher({ ...client, maxInFlight: NaN }),
    "Invalid max in flight NaN: must be a whole number, at least 1",
  );
  assert.equal(
    publisher({ ...client, strength: 1n }),
    "Invalid strength 1: must be a whole number, at least -9007199254740991",
  );
  assert.equal(
    subscriber({ ...client, centralized: "no" }),
    'Invalid centralized "no": must be true or false',
  );
  assert.equal(
    subscriber({ ...client, zookeeper: ["h"] }),
    "Invalid ZooKeeper address a list: must be a text",
  );
  assert.equal(broker({ zookeeper, warm: 1 }), "Invalid warm 1: must be true or false");
  assert.equal(broker({ zookeeper, controlPorts: 5 }), "Invalid control ports 5: must be a list");
  assert.equal(
    broker({ zookeeper, controlPorts: [1.5] }),
    "Invalid port 1.5: must be a whole number, 0 to 65535",
  );
  assert.equal(pool({ zookeeper, loadThreshold: "3" }), 'Invalid load threshold "3": must be a number');
  assert.equal(pool({ zookeeper, command: "pubsub" }), 'Invalid command "pubsub": must be an object');
});

Deno.test("case 9: an option that does not exist is refused, and so is none at all", () => {
  assert.match(
    publisher({ ...client, flw: "wait" }),
    /^Unknown option "flw" of a publisher: must be one of zookeeper, id, .*flow/,
  );
  assert.match(subscriber({ ...client, strength: 5 }), /^Unknown option "strength" of a subscriber/);
  assert.match(broker({ zookeeper, topics: ["A"] }), /^Unknown option "topics" of a broker/);
  assert.match(pool({ zookeeper, zones: 3 }), /^Unknown option "zones" of a backup pool/);
  assert.equal(publisher(undefined), "Invalid options undefined of a publisher: must be an object");
  assert.equal(broker("127.0.0.1:2181"), 'Invalid options "127.0.0.1:2181" of a broker: must be an object');
  assert.match(publisher({ topics: ["A"] }), /^No ZooKeeper address given for a publisher: must be HOST/);
  assert.match(publisher({ zookeeper }), /^No topic given: must be at least one$/);
});

Deno.test("case 9: options that are undefined are as if they were left out", () => {
  const none = { id: undefined, history: undefined, flow: undefined, zone: undefined, assignment: undefined };
  assert.match(new Publisher({ ...client, ...none }).id, /^pub-/);
});

Deno.test("case 9: options that are changed after the start change nothing", () => {
  const options: { zookeeper: string; topics: string[]; flow: "drop" | "wait" } = { ...client, flow: "wait" };
  const made = new Publisher(options);
  options.topics.push("B");
  assert.throws(
    () => made.publish("B", "x"),
    /^UsageError: Cannot publish on topic B: this publisher has A$/,
  );
});

Deno.test("case 9: the embedded server refuses the same, before it listens", async () => {
  const start = (options: unknown) => ZooKeeperServer.start(options as never);
  await assert.rejects(start({ listen: 2181 }), /^UsageError: Invalid listen address 2181: must be a text$/);
  await assert.rejects(start({}), /^UsageError: No listen address given/);
  await assert.rejects(
    start({ listen: "127.0.0.1:0", port: 1 }),
    /^UsageError: Unknown option "port" of a ZooKeeper server/,
  );
  await assert.rejects(
    start({ listen: "127.0.0.1:0", limits: { conections: 1 } }),
    /^UsageError: Unknown option "conections" of a server's limits/,
  );
  await assert.rejects(start({ listen: "127.0.0.1:0", words: "ruok" }), /^UsageError: Invalid words "ruok"/);
});

systemTest("case 9: a payload that is none is refused at once, and readers go on", async ({ zookeeper }) => {
  await using broker = new Broker({ zookeeper });
  await broker.start();
  await using publisher = new Publisher({ zookeeper, topics: ["A"] });
  await publisher.start();
  await using subscriber = new Subscriber({ zookeeper, topics: ["A"] });
  await subscriber.start();
  const refused = (payload: unknown, rule: RegExp) => {
    for (const way of ["publish", "tryPublish"] as const) {
      assert.throws(() => publisher[way]("A", payload as string), (error) => {
        assert.ok(error instanceof UsageError, `${error}`);
        assert.match(error.message, rule);
        return true;
      });
    }
  };
  const kind = (shown: string) =>
    new RegExp(`^Cannot publish ${shown} on topic A: must be a text or a Uint8Array$`);
  refused({ a: 1 }, kind("an object"));
  refused(null, kind("null"));
  refused(undefined, kind("undefined"));
  refused(5, kind("5"));
  refused([1, 2], kind("a list"));
  refused(new ArrayBuffer(2), kind("ArrayBuffer"));
  refused(new Uint16Array([300]), kind("Uint16Array"));
  refused(new Float64Array(1), kind("Float64Array"));
  refused("a\ud800b", /^Cannot publish "a\\ud800b" on topic A: half of a surrogate pair has no UTF-8$/);
  assert.throws(
    () => publisher.publish(5 as never, "x"),
    /^UsageError: Cannot publish on topic 5: this publisher has A$/,
  );

  assert.equal(await publisher.publish("A", "after"), true);
  for await (const sample of subscriber) {
    assert.equal(new TextDecoder().decode(sample.payload), "after");
    assert.equal(sample.sequence, 1);
    break;
  }
  assert.equal(subscriber.stats().invalid, 0);
});
