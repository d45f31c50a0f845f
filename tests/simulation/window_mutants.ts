/** Planted faults of what is lost, told and waited for: the scenario `windows` is there for them. */
import type { Mutant } from "./mutants.ts";

export const WINDOW_MUTANTS: readonly Mutant[] = [
  {
    name: "windows: history that its publisher has taken with it is told to nobody",
    file: "stream/stream.ts",
    text: "const due = firstLive > 0 && epoch === 0n ? firstLive - this.options.requested : Infinity;",
    instead: "const due = epoch < 0n ? firstLive : Infinity;",
  },
  {
    name: "windows: what is lost is told to nobody",
    file: "stream/stream.ts",
    text: "if (next > lostFrom) this.output.lost(lostFrom, next - 1, refused);",
    instead: "",
  },
  {
    name: "windows: what is lost is not counted",
    file: "stream/stream.ts",
    text: "this.counters.lost += next - lostFrom;",
    instead: "",
  },
  {
    name: "windows: what found no room is passed over",
    file: "stream/stream.ts",
    text: "        this.#refuse(batch);\n        return this.#hole(batch.nextSequence - 1, now);",
    instead: "        return this.#goOn(batch.nextSequence);",
  },
  {
    name: "windows: a reliable one gives up holes, too",
    file: "stream/stream.ts",
    text: "    if (!this.options.reliable) {\n      this.#release(to + 1, true);",
    instead: "    if (this.next > 0) {\n      this.#release(to + 1, true);",
  },
  {
    name: "windows: an answer that brought everything is asked for again",
    file: "stream/stream.ts",
    text: "} else this.#askForHole(now, wait);",
    instead: "} else this.#ask(this.next, 0, now, 50);",
  },
  {
    name: "windows: best-effort subscribers are waited for",
    file: "stream/flow.ts",
    text: 'return reliable && !slow && this.#options.flow === "wait";',
    instead: 'return (reliable || !slow) && this.#options.flow === "wait";',
  },
  {
    name: "windows: twice as much in flight as allowed",
    file: "stream/published_stream.ts",
    text: "this.#limit = acknowledged + this.#options.maxInFlight + 1;",
    instead: "this.#limit = acknowledged + 2 * this.#options.maxInFlight + 1;",
  },
  {
    name: "windows: what is not acknowledged is dropped",
    file: "stream/window.ts",
    text: "if (next > history || next > needed) break;",
    instead: "if (next > history) break;",
  },
  {
    name: "windows: less is kept than there is room for",
    file: "client/published_topics.ts",
    text: "const MAX_REPAIR_BYTES = 16 * 1024 * 1024;",
    instead: "const MAX_REPAIR_BYTES = 4 * 1024 * 1024;",
  },
  {
    name: "windows: what a subscriber has given up its publisher does not know",
    file: "stream/published_stream.ts",
    text: "flow.gaveUp(subscriber, givenUp, Math.min(delivered, last));",
    instead: "",
  },
];
