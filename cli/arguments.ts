/**
 * What was typed becomes what the option parser knows: `--max_event_count 5`, `-hist 5` and `--topic A` are read
 * as `--max-event-count 5`, `--history 5` and `--topics A`. Pure.
 *
 * Guarantee: the value behind a flag is never touched, nor anything after `--`. Commands written for the earlier
 * framework carry over after the role word; its flags that had no effect are taken out and named in `notices`.
 */

/** What the normaliser has to know about one command's flags. */
export interface KnownFlags {
  /** Every flag as the option parser knows it, short and long, and whether a value follows: always, or maybe. */
  readonly flags: ReadonlyMap<string, "none" | "one" | "maybe">;
}

/** Arguments in the option parser's own spelling. */
export interface NormalArguments {
  readonly args: string[];
  /** One line for each flag that was taken out. */
  readonly notices: string[];
}

/** Other spellings, after underscores have become dashes. */
const ALIASES: Readonly<Record<string, string>> = {
  "--topic": "--topics",
  "--zookeeper-host": "--zookeeper",
  "--zookeeper-hosts": "--zookeeper",
  "--pub-reg-port": "--control-port",
  "--sub-reg-port": "--control-port",
  "--control-ports": "--control-port",
  "-hist": "--history",
  "-bp": "--bind-port",
  "-prp": "--control-port",
  "-srp": "--control-port",
  "-zo": "--zone",
  "-ak": "--autokill",
  "-thresh": "--load-threshold",
};

/** The earlier framework's flags that had no effect there. The value, when one follows, goes with them. */
const WITHOUT_EFFECT = new Set(["-p", "--primary", "-b", "--broker-address"]);

/** Rewrites everything after the role word. */
export function normaliseArguments(typed: readonly string[], known: KnownFlags): NormalArguments {
  const args: string[] = [];
  const notices: string[] = [];
  for (let i = 0; i < typed.length; i++) {
    const word = typed[i]!;
    if (word === "--") {
      args.push(...typed.slice(i));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      args.push(word);
      continue;
    }
    const { flag, rest } = spelling(word);
    if (WITHOUT_EFFECT.has(flag) && !known.flags.has(flag)) {
      notices.push(
        `${word.split("=")[0]} is ignored: it had no effect in the earlier framework and has none here`,
      );
      if (rest === "" && isValue(typed[i + 1])) i++;
      continue;
    }
    if (rest !== "" && !flag.startsWith("--")) args.push(flag, rest.slice(1));
    else args.push(flag + rest);
    if (rest === "" && known.flags.get(flag) === "one" && i + 1 < typed.length) args.push(typed[++i]!);
  }
  return { args, notices };
}

/** The canonical flag and what is attached to it: `=value`, or nothing. */
function spelling(word: string): { flag: string; rest: string } {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word : word.slice(0, equals);
  const rest = equals < 0 ? "" : word.slice(equals);
  const dashed = name.startsWith("--") ? name.replaceAll("_", "-") : name;
  const flag = ALIASES[dashed];
  return flag === undefined ? { flag: dashed, rest } : { flag, rest };
}

function isValue(word: string | undefined): boolean {
  return word !== undefined && !word.startsWith("-");
}

/** The earlier framework's role flags and the command that each became. */
const ROLES: Readonly<Record<string, { command: string; count: boolean }>> = {
  "--broker": { command: "broker", count: false },
  "--publisher": { command: "publisher", count: true },
  "-pub": { command: "publisher", count: true },
  "--subscriber": { command: "subscriber", count: true },
  "-sub": { command: "subscriber", count: true },
  "--backup": { command: "backup-pool", count: false },
  "-ba": { command: "backup-pool", count: false },
  "--clear-zookeeper": { command: "clear", count: false },
  "-clearzk": { command: "clear", count: false },
};

/** For somebody who typed the earlier framework's `--publisher 2`: what to type here. */
export function roleHint(args: readonly string[]): string | undefined {
  for (const [i, word] of args.entries()) {
    const role = ROLES[spelling(word).flag];
    if (role === undefined) continue;
    const number = args[i + 1];
    const count = role.count && number !== undefined && /^\d+$/.test(number) && number !== "1"
      ? ` --count ${number}`
      : "";
    return `the role is a command here: pubsub ${role.command}${count} ...`;
  }
  return undefined;
}
