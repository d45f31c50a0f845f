/** A link without a socket. */
import type { Link } from "../../../lib/client/link.ts";
import { decodeUpstream } from "../../../lib/wire/upstream.ts";

/** What a Following needs of a link, and what it did with it. */
export class FakeLink {
  up = true;
  lost = false;
  startedAt = 0;
  heardAt = 0;
  readonly subscribed = new Set<string>();
  readonly sent: string[] = [];
  /** The number of the last request of each stream. */
  readonly requests = new Map<string, number>();
  constructor(readonly endpoint: string = "tcp://127.0.0.1:1") {}
  subscribe(key: Uint8Array, wanted: boolean): void {
    if (wanted) this.subscribed.add(key.toHex());
    else this.subscribed.delete(key.toHex());
  }
  send(bytes: Uint8Array): void {
    const message = decodeUpstream(bytes);
    if (message instanceof Error) throw message;
    if (message.kind === "request") {
      this.requests.set(`${message.publisher}/${message.topic}`, message.request);
      this.sent.push(`request ${message.from}..${message.to}`);
    } else this.sent.push(message.kind === "acknowledge" ? acknowledgement(message) : "bye");
  }
  seen(): string[] {
    return this.sent.splice(0);
  }
}

const acknowledgement = ({ delivered, givenUp }: { delivered: number; givenUp: number }) =>
  `acknowledge ${delivered}` + (givenUp > 0 ? `, ${givenUp} given up` : "");

export const asLink = (link: FakeLink): Link => link as unknown as Link;
