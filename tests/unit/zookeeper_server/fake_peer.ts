/** A connection without a socket, and an engine without a server, for unit tests. */
import { Engine, type EngineOptions } from "../../../lib/zookeeper_server/engine.ts";
import { JuteReader, JuteWriter } from "../../../lib/zookeeper_server/jute.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../lib/zookeeper_server/limits.ts";
import type { Peer } from "../../../lib/zookeeper_server/peer.ts";
import type { Session } from "../../../lib/zookeeper_server/sessions.ts";
import { DataTree } from "../../../lib/zookeeper_server/tree.ts";
import {
  connectFrame,
  OPEN,
  type RawAcl,
  type RawConnectOptions,
  writeAclList,
} from "../../harness/raw_zookeeper.ts";

/** One frame of output, taken apart: `xid` -1 is a watch event. */
export interface Frame {
  readonly xid: number;
  readonly zxid: number;
  readonly err: number;
  readonly body: JuteReader;
}

export class FakePeer implements Peer {
  readonly out = new JuteWriter();
  readonly address: string;
  readonly name: string;
  session: Session<Peer> | null = null;
  identities: { scheme: string; id: string }[] = [];
  received = 0;
  sent = 0;
  woken = 0;
  ending: "no" | "now" | "sent" = "no";

  constructor(address = "127.0.0.1") {
    this.address = address;
    this.name = `${address}:1`;
  }

  wake(): void {
    this.woken++;
  }

  end(when: "now" | "sent"): void {
    if (this.ending !== "now") this.ending = when;
  }

  /** Take the bodies of all frames written so far. */
  bodies(): Uint8Array[] {
    const bytes = this.out.take();
    const bodies: Uint8Array[] = [];
    const reader = new JuteReader(bytes);
    while (reader.remaining > 0) bodies.push(reader.view()!.slice());
    return bodies;
  }

  /** Take all replies and events written so far. */
  frames(): Frame[] {
    return this.bodies().map((bytes) => {
      const body = new JuteReader(bytes);
      return { xid: body.int(), zxid: body.long(), err: body.int(), body };
    });
  }

  /** Take the watch events written so far, each as "type path"; replies are dropped. */
  events(): string[] {
    return this.frames().filter((frame) => frame.xid === -1).map(({ body }) => {
      const type = body.int();
      body.int();
      return `${type} ${body.string()}`;
    });
  }
}

/** An engine whose clock and ids are the test's. */
export class Bench {
  readonly engine: Engine;
  now = 1000;
  wall = 1_700_000_000_000;
  #nextSession = 1;

  constructor(options: Partial<Omit<EngineOptions, "limits">> & { limits?: Partial<Limits> } = {}) {
    this.engine = new Engine({
      minTimeoutMs: 1000,
      maxTimeoutMs: 20_000,
      tickMs: 50,
      zxid: 100,
      tree: new DataTree(),
      sessions: [],
      sink: null,
      newIdentity: () => ({ id: this.#nextSession, password: new Uint8Array(16).fill(this.#nextSession++) }),
      now: this.now,
      wall: this.wall,
      ...options,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
    });
  }

  /** Let time pass in steps that are no stall. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 50) {
      this.now += Math.min(50, left);
      this.wall += Math.min(50, left);
      this.engine.advance(this.now, this.wall);
    }
  }

  /** A connection after its handshake; what the handshake answered is dropped. */
  connect(options: RawConnectOptions = {}, peer = new FakePeer()): FakePeer {
    const bytes = connectFrame(options);
    this.engine.connect(peer, new JuteReader(bytes.subarray(4)));
    return peer;
  }

  /** A connection with a new session. */
  client(): FakePeer {
    const peer = this.connect();
    peer.bodies();
    return peer;
  }

  /** Hand a request to the engine. What it writes stays in `peer`. */
  request(peer: FakePeer, type: number, write: (out: JuteWriter) => void = () => {}, xid = 7): void {
    const out = new JuteWriter();
    out.int(xid);
    out.int(type);
    write(out);
    this.engine.request(peer, new JuteReader(out.take()));
  }

  /** Hand a request to the engine and take its reply, dropping events before it. */
  ask(peer: FakePeer, type: number, write?: (out: JuteWriter) => void): Frame {
    this.request(peer, type, write);
    return peer.frames().filter((frame) => frame.xid !== -1).at(-1)!;
  }

  create(peer: FakePeer, path: string, options: { flags?: number; acl?: RawAcl; data?: string } = {}): Frame {
    return this.ask(peer, 1, (out) => {
      out.string(path);
      out.buffer(new TextEncoder().encode(options.data ?? ""));
      writeAclList(out, options.acl ?? OPEN);
      out.int(options.flags ?? 0);
    });
  }
}
