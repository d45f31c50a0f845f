/**
 * Faults that are planted one at a time into a copy of `lib/`, which the simulation must find: each is a file, a piece of
 * its text, and what stands there instead. Pure.
 */

import { DISK_MUTANTS } from "./disk_mutants.ts";
import { WINDOW_MUTANTS } from "./window_mutants.ts";

/** A planted fault. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly text: string;
  readonly instead: string;
}

export const MUTANTS: readonly Mutant[] = [
  ...WINDOW_MUTANTS,
  ...DISK_MUTANTS,
  // --- stream
  {
    name: "stream: a gap is ignored",
    file: "stream/stream.ts",
    text: "if (request === 0) this.#hole(firstSequence - 1, now);",
    instead: "",
  },
  {
    name: "stream: what was not answered is not asked for again",
    file: "stream/stream.ts",
    text:
      "    question.again(++this.#lastRequest, this.next, last, now);\n    this.output.request(question);",
    instead: "    question.again(++this.#lastRequest, this.next, last, now);",
  },
  {
    name: "stream: what came before is handed out again",
    file: "stream/stream.ts",
    text: "const below = Math.min(this.next, batch.nextSequence);",
    instead: "const below = batch.firstSequence;",
  },
  {
    name: "stream: no epoch check",
    file: "stream/stream.ts",
    text: "return epoch < this.options.fence.highest;",
    instead: "return false && epoch < this.options.fence.highest;",
  },
  {
    name: "stream: goes on one too far after it was away",
    file: "stream/stream.ts",
    text: "    this.next = next;\n    this.#fencedTo = fencedUpTo + 1;",
    instead: "    this.next = next + 1;\n    this.#fencedTo = fencedUpTo + 1;",
  },
  {
    name: "stream: a joiner's history ends one too early",
    file: "stream/stream.ts",
    text: "      this.next = this.#start = Math.min(start, batch.firstSequence, Math.max(1, due));",
    instead: "      this.next = this.#start = Math.min(start + 1, batch.firstSequence);",
  },
  {
    name: "stream: history has one sample less than was asked for",
    file: "stream/window.ts",
    text: "base + 1 - Math.min(depth, this.offered)",
    instead: "base + 2 - Math.min(depth, this.offered)",
  },
  {
    name: "stream: an answer carries the epochs of then",
    file: "stream/window.ts",
    text: "epoch: answer.epoch,",
    instead: "epoch: first.epoch,",
  },
  {
    name: "stream: nobody is told of the end of what was published",
    file: "stream/published_stream.ts",
    text: "if (now - this.#spokeAt < idleMs) return;",
    instead: "if (now - this.#spokeAt < Infinity) return;",
  },
  {
    name: "stream: an answer leaves out its first sample",
    file: "stream/published_stream.ts",
    text: ": Math.min(Math.max(wanted.from, this.window.oldest), last + 1);",
    instead: ": Math.min(Math.max(wanted.from + 1, this.window.oldest), last + 1);",
  },
  {
    name: "stream: a place is not kept while its publisher is away",
    file: "client/matched_streams.ts",
    text: "if (stream.next > 0 && last === undefined) {",
    instead: "if (stream.next < 0 && last === undefined) {",
  },
  {
    name: "stream: one that publishes is forgotten for its record",
    file: "client/departures.ts",
    text: "const gone = now - Math.max(following.removedAt ?? now, following.heardAt);",
    instead: "const gone = now - (following.removedAt ?? now);",
  },
  {
    name: "stream: requests that are due are not looked at",
    file: "client/repeats.ts",
    text: "for (const { stream, link } of this.#streams) if (link?.up) stream.tick(now);",
    instead: "",
  },
  // --- flow
  {
    name: "flow: acknowledged before the user took it",
    file: "client/following.ts",
    text: "return this.waiting === 0 && this.stream.next > 0",
    instead: "return this.stream.next > 0",
  },
  {
    name: "flow: acknowledgements do not move the window",
    file: "stream/flow.ts",
    text: "before === this.#minimum && --this.#atMinimum <= 0)",
    instead: "before === this.#minimum && --this.#atMinimum < -1e9)",
  },
  {
    name: "flow: what was acknowledged stays on the account",
    file: "stream/published_stream.ts",
    text: "this.#account.set(bytes, messages);",
    instead: "if (bytes < 0) this.#account.set(bytes, messages);",
  },
  {
    name: "flow: who has no record at the moment is not waited for at the end",
    file: "stream/flow.ts",
    text: "if (!reader.reliable) return this.#delete(subscriber, reader);",
    instead: "if (reader) return this.#delete(subscriber, reader);",
  },
  {
    name: "flow: a joiner counts as having everything",
    file: "stream/published_stream.ts",
    text: "? { reliable, delivered: base, request: wanted.request }",
    instead: "? { reliable, delivered: Infinity, request: wanted.request }",
  },
  {
    name: "flow: what is asked for is not acknowledged",
    file: "client/following.ts",
    text: "if (!this.stream.options.reliable || this.stream.next === 0) return;",
    instead: "if (this.stream.next >= 0) return;",
  },
  // --- ownership
  {
    name: "ownership: a flag in place of the lease",
    file: "recipes/ownership.ts",
    text: "return held !== undefined && this.#zk.session === held.session ? held.epoch : undefined;",
    instead: "return held?.epoch;",
  },
  {
    name: "ownership: the list is not watched by the owner",
    file: "recipes/ownership.ts",
    text: "this.#zk.getChildren(this.#path, watch ? this.#changed.set : undefined);",
    instead: "this.#zk.getChildren(this.#path, watch ? undefined : undefined);",
  },
  {
    name: "ownership: the predecessor is not watched",
    file: "recipes/ownership.ts",
    text: "await this.#zk.getData(this.#watch(`${this.#path}/${place.predecessor}`)!, this.#changed.set);",
    instead: "await this.#zk.getData(this.#watch(`${this.#path}/${place.predecessor}`)!);",
  },
  {
    name: "ownership: the epoch of the node, not of the term",
    file: "recipes/ownership.ts",
    text: "      this.#decide({ ...held, epoch: stat.mzxid });\n      return true;\n    } catch",
    instead: "      this.#decide({ ...held, epoch: record.stat.mzxid });\n      return true;\n    } catch",
  },
  {
    name: "ownership: published without owning the topic",
    file: "client/outlet.ts",
    text: "if (may && !entry.stream.full) break;",
    instead: "if ((may || entry.decided) && !entry.stream.full) break;",
  },
  {
    name: "ownership: the strongest is the weakest",
    file: "recipes/queue.ts",
    text: "return b.strength - a.strength ||",
    instead: "return a.strength - b.strength ||",
  },
  // --- election
  {
    name: "election: a term is not confirmed when the session is back",
    file: "recipes/election.ts",
    text: "if (this.#term?.epoch === epoch) return this.#term.verified(attachment);",
    instead: "if (this.#term?.epoch === epoch) return;",
  },
  {
    name: "election: the one before is not watched",
    file: "recipes/election.ts",
    text: "          this.#watch(`${this.#path}/${place.predecessor}`)!,\n          this.#changed.set,\n",
    instead: "          this.#watch(`${this.#path}/${place.predecessor}`)!,\n",
  },
  {
    name: "election: the last to come is the first",
    file: "recipes/queue.ts",
    text: "|| a.sequence - b.sequence ||",
    instead: "|| b.sequence - a.sequence ||",
  },
  {
    name: "election: who leads does not say so in its record",
    file: "broker/broker.ts",
    text: "...term ? { standby: false, epoch: String(term.epoch) } : {},",
    instead: "...term ? {} : {},",
  },
  // --- registration
  {
    name: "registration: no record in a new session",
    file: "recipes/ephemeral_record.ts",
    text: "      this.#absent();\n      this.#session = session;",
    instead: "      if (this.#session !== undefined) return;\n      this.#session = session;",
  },
  {
    name: "registration: who is not known any more does not register again",
    file: "control/control_stay.ts",
    text: "this.#refused(now, this.#repeats === 0 ? 0 : undefined);",
    instead: "",
  },
  {
    name: "registration: changes are told to nobody",
    file: "broker/control_desk.ts",
    text: "        client.feed.touch(topic, id);\n        this.#dirty.add(client);",
    instead: "        client.feed.touch(topic, id);",
  },
  {
    name: "registration: whose record comes late is told nothing",
    file: "broker/control_desk.ts",
    text: "if (self && this.#unrecorded.has(self)) this.#seen(self);",
    instead: "",
  },
  {
    name: "registration: records that are gone are not forgotten",
    file: "broker/system_directory.ts",
    text: "          apply.remove(name);\n          await turn();",
    instead: "          await turn();",
  },
  {
    name: "registration: who registers again is told nothing",
    file: "broker/control_desk.ts",
    text:
      "    if (recorded === info.incarnation) this.#tellAll(client);\n    else this.#awaitRecord(client);",
    instead: "    if (recorded !== info.incarnation) this.#awaitRecord(client);",
  },
  // --- moving
  {
    name: "moving: nobody plans any more when ZooKeeper was away",
    file: "broker/rebalancer.ts",
    text: "        if (plans) againMs = SUSPENDED_LOOK_MS;",
    instead: "",
  },
  {
    name: "moving: nobody is told to go to another zone",
    file: "broker/control_desk.ts",
    text: '      this.#send(client.route, { type: "reassign", zone, reason: reason.slice(0, 300) });',
    instead: "",
  },
  {
    name: "moving: a silent broker is never left",
    file: "control/control_stay.ts",
    text: "if (silent > (this.#accepted ? 3 * this.#heartbeatMs : REGISTER_DEADLINE_MS)) {",
    instead: "if (silent > Infinity) {",
  },
  {
    name: "moving: connections to brokers that came later are not made",
    file: "client/ingresses.ts",
    text: "      if (this.#ingresses.has(endpoint)) continue;",
    instead: "      if (this.#ingresses.size > 0) continue;",
  },
  // --- load
  {
    name: "load: subscribers do not count",
    file: "recipes/load_counter.ts",
    text: "const load = loadOf(publishers!, subscribers!, zones!);",
    instead: "const load = loadOf(publishers!, 0 * subscribers!, zones!);",
  },
  {
    name: "load: changes are not noticed",
    file: "recipes/load_counter.ts",
    text: "  poke(): void {\n    this.#changed.set();",
    instead: "  poke(): void {\n    if (this.#told === undefined) this.#changed.set();",
  },
  // --- pools
  {
    name: "pool: a broker that has ended is not started again",
    file: "pool/broker_crew.ts",
    text: "    place.retryAt = monotonic() + pauseMs;",
    instead: "    place.retryAt = Infinity + pauseMs;",
  },
  {
    name: "pool: nobody counts the clients",
    file: "pool/scaler.ts",
    text: "return stats.reduce((sum, stat) => sum + (stat?.numChildren ?? 0), 0);",
    instead: "return stats.reduce((sum) => sum, 0);",
  },
  {
    name: "pool: another one's plan is not noticed",
    file: "pool/backup_pool.ts",
    text: "        crew.want(new Map(ours.map(({ zone, state }) => [zone, state])));",
    instead:
      "        if (crew.zones().length === 0) crew.want(new Map(ours.map(({ zone, state }) => [zone, state])));",
  },
  // --- the client's session
  {
    name: "session: watches are neither armed again nor told to look",
    file: "zk/connection.ts",
    text:
      "if (again) this.#armWatches();\n    this.#arm();\n    this.#onChange();\n    if (again) this.watches.reattached();",
    instead: "this.#arm();\n    this.#onChange();",
  },
  {
    name: "session: it lasts as long as nobody says otherwise",
    file: "zk/session_state.ts",
    text: 'if (now >= this.#provenAt + this.#timeoutMs) return "lost";',
    instead: "",
  },
  {
    name: "session: nothing is sent to keep it alive",
    file: "zk/connection.ts",
    text: "        this.#pings.push(now);\n        this.#link.ping();\n",
    instead: "",
  },
  // --- the coordination engine
  {
    name: "engine: what a session made outlives it",
    file: "zookeeper_server/transactions.ts",
    text: "return Array.from(tree.ephemeralsOf(session), (path) => ({ type: Op.delete, path }));",
    instead:
      "return Array.from(tree.ephemeralsOf(session), (path) => ({ type: Op.delete, path }) as const).slice(1);",
  },
  {
    name: "engine: requests do not keep a session alive",
    file: "zookeeper_server/engine.ts",
    text: "    const session = peer.session!;\n    this.sessions.touch(session);",
    instead: "    const session = peer.session!;",
  },
  {
    name: "engine: the end of a node is told to nobody",
    file: "zookeeper_server/watches.ts",
    text: "this.#data.trigger(deleted, told, notify);",
    instead: "",
  },
  {
    name: "engine: new children are told to nobody",
    file: "zookeeper_server/watches.ts",
    text: "    this.#data.trigger(happened(EventType.created, node), null, notify);\n    this.#child",
    instead:
      '    this.#data.trigger(happened(EventType.created, node), null, notify);\n    if (parent.path === "") this.#child',
  },
  {
    name: "engine: sessions never end",
    file: "zookeeper_server/sessions.ts",
    text: "      over.push(...this.#buckets.get(bucket) ?? []);\n",
    instead: "",
  },
];
