/**
 * The library in one program: a coordination server, a broker, a publisher and a subscriber.
 *
 *     deno run -A examples/hello.ts
 */
import { Broker, Publisher, Subscriber, ZooKeeperServer } from "../lib/mod.ts";

await using server = await ZooKeeperServer.start({ listen: "127.0.0.1:0" });
const zookeeper = server.address;

await using broker = new Broker({ zookeeper, zone: 1 });
await broker.start();
await using subscriber = new Subscriber({ zookeeper, topics: ["greetings"], history: 3 });
await subscriber.start();
await using publisher = new Publisher({ zookeeper, topics: ["greetings"], history: 3 });
await publisher.start();

for (const text of ["hello", "again", "and goodbye"]) await publisher.publish("greetings", text);

for await (const sample of subscriber) {
  const text = new TextDecoder().decode(sample.payload);
  console.log(`${sample.topic} #${sample.sequence} from ${sample.publisher}: ${text}`);
  if (sample.sequence === 3) break;
}
