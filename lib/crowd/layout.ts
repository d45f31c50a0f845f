/**
 * Who a simulated client is: its role, its topic and whom it must be matched with. Pure.
 *
 * Clients come in groups: one publisher and `fanOut` subscribers of one topic, so the publisher of each topic comes
 * first. With `hot` every client is on the same topic, which is the worst case for whoever tells clients of others.
 */
import type { PublisherInfo, SubscriberInfo } from "../wire/control.ts";

/** How topics are shared out. */
export interface Layout {
  /** Subscribers of each topic. */
  readonly fanOut: number;
  /** All on one topic. */
  readonly hot: boolean;
}

/** One simulated client. */
export type Persona =
  | { readonly role: "publisher"; readonly info: PublisherInfo }
  | { readonly role: "subscriber"; readonly info: SubscriberInfo };

/** Client `index`, counted from 0. */
export function personaOf(index: number, { fanOut, hot }: Layout): Persona {
  const group = Math.floor(index / (fanOut + 1));
  const topics = [hot ? "hot" : `topic-${group}`];
  const common = {
    topics,
    ownership: "shared" as const,
    incarnation: index + 1,
  };
  if (index % (fanOut + 1) === 0) {
    return {
      role: "publisher",
      info: {
        ...common,
        id: `crowd-pub-${index}`,
        address: `tcp://127.0.0.1:${1024 + index % 60_000}`,
        offered: 1,
        strength: 0,
        centralized: false,
      },
    };
  }
  return {
    role: "subscriber",
    info: { ...common, id: `crowd-sub-${index}`, address: "", requested: 1, reliability: "reliable" },
  };
}

/** With how many others client `index` is matched when there are `count` clients. */
export function peersOf(index: number, count: number, layout: Layout): number {
  const size = layout.fanOut + 1;
  const publishes = index % size === 0;
  if (layout.hot) {
    const publishers = Math.ceil(count / size);
    return publishes ? count - publishers : publishers;
  }
  if (!publishes) return 1;
  return Math.min(size, count - index) - 1;
}
