/** `pubsub zookeeper`: its flags, and what they ask of `roles/zookeeper.ts`. */
import { type Command, Option } from "commander";
import { parseListenAddress } from "../lib/zookeeper_server/listen_address.ts";
import type { ZooKeeperOptions } from "../roles/zookeeper.ts";
import { given } from "./given.ts";
import type { Host } from "./host.ts";
import { WORDS } from "../lib/zookeeper_server/four_letter_words.ts";
import { UsageError } from "../lib/base/errors.ts";
import { named, wholeNumber } from "./values.ts";

interface ZooKeeperFlags {
  listen: string;
  dataDir?: string;
  tickTime?: number;
  maxClientConnections?: number;
  words?: string[];
  verbose?: boolean;
}

/** Adds the command. */
export function addZooKeeperCommand(program: Command, host: Host): void {
  const command = program.command("zookeeper")
    .description("The embedded coordination server: ZooKeeper's protocol, one node")
    .optionsGroup("Server:")
    .addOption(
      new Option("--listen <host:port>", "where to listen; port 0 is any free one, host * every interface")
        .default("127.0.0.1:2181").argParser(listenAddress("--listen")),
    )
    .option("--data-dir <path>", "keep everything there (default: nothing is kept)")
    .addOption(
      new Option("--tick-time <ms>", "sessions time out after 2 to 20 ticks (default: 2000)")
        .argParser(wholeNumber("--tick-time", 1, 3_600_000)),
    )
    .addOption(
      new Option("--max-client-connections <n>", "connections from one address (default: 8000)")
        .argParser(wholeNumber("--max-client-connections", 1, 1_000_000)),
    )
    .addOption(
      new Option(
        "--words <list>",
        "four-letter words that are answered, by commas, * for all (default: srvr)",
      )
        .argParser(words),
    )
    .option("-v, --verbose", "debug log, and the stack of a failure, on standard error");
  command.addHelpText(
    "after",
    `
Examples:
  pubsub zookeeper
  pubsub zookeeper --listen '*:2181' --data-dir /var/lib/pubsub`,
  );
  command.action((flags: ZooKeeperFlags) => {
    const options: ZooKeeperOptions = given({
      listen: flags.listen,
      dataDir: flags.dataDir,
      tickTime: flags.tickTime,
      maxClientConnections: flags.maxClientConnections,
      words: flags.words,
    });
    return host.launch({
      role: "zookeeper",
      options,
      verbose: flags.verbose ?? false,
      run: async ({ signal, out }) => {
        const { runZooKeeper } = await import("../roles/zookeeper.ts");
        await runZooKeeper(options, { signal, stdout: out });
      },
    });
  });
}

function words(text: string): string[] {
  if (text === "*") return [...WORDS];
  const list = text.split(",").map((word) => word.trim());
  const unknown = list.find((word) => !WORDS.includes(word));
  if (unknown === undefined) return list;
  throw new UsageError(`Invalid --words '${unknown}': must be * or out of ${WORDS.join(", ")}`);
}

/** `HOST:PORT`, checked and kept as text. */
export function listenAddress(flag: string): (text: string) => string {
  return named(flag, (text) => {
    parseListenAddress(text);
    return text;
  });
}
