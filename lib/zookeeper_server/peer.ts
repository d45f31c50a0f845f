/**
 * A connection as the engine sees it: where answers go, who it is, and how it ends.
 */
import type { Identity } from "./acl.ts";
import type { JuteWriter } from "./jute.ts";
import type { Session } from "./sessions.ts";

/** One connection. The TCP side implements it; tests fake it. */
export interface Peer {
  /** Everything to be sent, in order. */
  readonly out: JuteWriter;
  /** The client's IP address. */
  readonly address: string;
  /** For humans: address and port. */
  readonly name: string;
  /** Set by a successful handshake. */
  session: Session<Peer> | null;
  /** Its address, and what it authenticated as. */
  identities: Identity[];
  /** Requests read, and frames written. */
  received: number;
  sent: number;
  /** Something was written to `out`. */
  wake(): void;
  /** End the connection: at once, or when what was written has been sent. */
  end(when: "now" | "sent"): void;
}
