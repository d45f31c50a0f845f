/** What the socket tests share: endpoints, text frames, collecting messages, child processes, counting threads. */
import { until, within } from "../../harness/condition.ts";
import type { Socket } from "../../../lib/zmq/socket.ts";

/** Any free port of this host. */
export const ANY = "tcp://127.0.0.1:0";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A text as one frame. */
export function frame(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The message that subscribes to keys beginning with `key`. */
export function subscribe(key: string): Uint8Array {
  return frame(`\x01${key}`);
}

/** The message that takes a subscription back. */
export function unsubscribe(key: string): Uint8Array {
  return frame(`\x00${key}`);
}

/** Frames as texts. */
export function texts(message: Uint8Array[]): string[] {
  return message.map((bytes) => decoder.decode(bytes));
}

/** Reads a socket for as long as it is open, and keeps what came as texts. */
export class Reader {
  readonly messages: string[][] = [];
  readonly batches: number[] = [];
  readonly ended: Promise<void>;

  constructor(socket: Socket, readonly onMessage?: (message: Uint8Array[]) => void) {
    this.ended = this.#read(socket);
  }

  async #read(socket: Socket): Promise<void> {
    for await (const batch of socket.messages()) {
      this.batches.push(batch.length);
      for (const message of batch) {
        this.messages.push(texts(message));
        this.onMessage?.(message);
      }
    }
  }

  /** The messages, once there are `count`. */
  async first(count: number, deadlineMs?: number): Promise<string[][]> {
    await until(
      `${count} messages`,
      () => {
        if (this.messages.length >= count) return true;
        throw new Error(`${this.messages.length} so far`);
      },
      deadlineMs,
    );
    return this.messages;
  }
}

/** Reads a socket's peer events for as long as it is open. */
export class PeerReader {
  readonly types: string[] = [];
  readonly endpoints: string[] = [];
  readonly ended: Promise<void>;

  constructor(socket: Socket) {
    this.ended = this.#read(socket.peers());
  }

  async #read(events: AsyncIterable<{ type: string; endpoint: string }>): Promise<void> {
    for await (const event of events) {
      this.types.push(event.type);
      this.endpoints.push(event.endpoint);
    }
  }

  count(type: string): number {
    return this.types.filter((seen) => seen === type).length;
  }

  /** Wait until events of this type were seen `count` times. */
  async seen(type: string, count = 1, deadlineMs?: number): Promise<void> {
    await until(
      `${count} times ${type}`,
      () => {
        if (this.count(type) >= count) return true;
        throw new Error(`seen so far: ${this.types.slice(-20)}`);
      },
      deadlineMs,
    );
  }
}

/** Sends until the message gets through, as nothing does before the connection stands. */
export async function sendUntil(send: () => void, arrived: () => boolean): Promise<void> {
  await until("a message that gets through", () => {
    send();
    return arrived();
  });
}

/** Threads of this process. */
export function threads(): number {
  return Number(/^Threads:\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
}

const FIXTURE = new URL("fixture/child.ts", import.meta.url).pathname;

/** Starts the fixture program in one of its modes. */
export function startChild(args: string[], flags: string[] = []): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...flags, FIXTURE, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs the fixture program to its end. */
export async function runChild(
  args: string[],
  flags: string[] = [],
): Promise<{ code: number; signal: string | null; out: string; err: string }> {
  const child = startChild(args, flags);
  const output = child.output();
  try {
    const { code, signal, stdout, stderr } = await within(`the end of ${args.join(" ")}`, output, 30_000);
    return { code, signal, out: decoder.decode(stdout).trim(), err: decoder.decode(stderr).trim() };
  } catch (error) {
    child.kill("SIGKILL");
    await output;
    throw error;
  }
}
