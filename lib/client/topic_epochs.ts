/**
 * A subscriber's doorkeeper for epochs: reads from ZooKeeper what a topic's owner can have been given
 * (`epoch_check.ts`), keeps what it cannot judge yet, and hands it on when it can.
 *
 * Guarantee: nothing with an epoch that ZooKeeper has not given is handed on, but for what is said in `epoch_check.ts`
 * while ZooKeeper is out of reach. A topic's ceiling is read once when it is matched, then for epochs above it only.
 * Where a message had to be dropped that may have been honest, its stream is asked again.
 *
 * Znodes: the stat of `/topics/<topic>`. Suspended, lost, or no answer within 300 ms: out of reach.
 */
import { EpochCheck, type Reach } from "../stream/epoch_check.ts";
import { monotonic } from "../base/clock.ts";
import { topicPath } from "../model/paths.ts";
import { costOf, type Room } from "../stream/room.ts";
import type { Stream } from "../stream/stream.ts";
import type { Fence } from "../stream/stream_surroundings.ts";
import type { SampleBatch } from "../wire/batch.ts";
import type { StreamMatch } from "../wire/control.ts";
import type { ZooKeeper } from "../zk/zookeeper.ts";

/** Topics whose ceilings are read at the same time. */
const MAX_READS = 32;
/** ZooKeeper is taken to be out of reach when it has not answered for so long. */
const SILENT_MS = 300;

/** Of a stream that is followed. */
interface Followed {
  readonly match: StreamMatch;
  readonly stream: Stream;
}

/** What it asks of its surroundings. */
export interface EpochsOutput<F extends Followed> {
  /** All that are followed of a topic. */
  streamsOf(topic: string): Iterable<F>;
  /** What was kept is to be received now. */
  receive(following: F, batch: SampleBatch, now: number): void;
  /** Something of this stream was dropped that may have been honest. */
  askAgain(following: F, now: number): void;
  /** Nobody holds these bytes any more. */
  drop(batch: SampleBatch): void;
  /** To be logged. */
  say(text: string): void;
}

/** The epochs of one subscriber's topics. */
export class TopicEpochs<F extends Followed> {
  readonly #zk: Pick<ZooKeeper, "acting" | "newestZxid" | "exists" | "sync">;
  readonly #output: EpochsOutput<F>;
  readonly #closing: AbortSignal;
  readonly #room: Room;
  readonly #checks = new Map<string, EpochCheck>();
  /** Topics whose ceilings are to be read. */
  readonly #wanting = new Set<string>();
  #held: { following: F; batch: SampleBatch }[] = [];
  readonly #lacking = new Set<F>();
  readonly #told = new WeakSet<F>();
  #reads = 0;
  #silent = false;
  #wasReachable = true;
  #newest = 0n;
  #refused = 0;

  /**
   * @param closing nothing is handed on once it is aborted.
   * @param room for what is kept: a whole window may come in the moment of a change of owner.
   */
  constructor(
    zk: Pick<ZooKeeper, "acting" | "newestZxid" | "exists" | "sync">,
    closing: AbortSignal,
    room: Room,
    output: EpochsOutput<F>,
  ) {
    this.#zk = zk;
    this.#closing = closing;
    this.#room = room;
    this.#output = output;
  }

  /** Messages with epochs that ZooKeeper has not given. */
  get refused(): number {
    return this.#refused;
  }

  /** An exclusive topic is followed: read its ceiling before its samples come. */
  expect(topic: string, fence: Fence): void {
    if (this.#checks.has(topic)) return;
    this.#checks.set(topic, new EpochCheck(fence));
    this.#wanting.add(topic);
    this.#readMore();
  }

  /**
   * Whether this may be received now. If not, it is kept, or dropped and counted. To be asked only for epochs above
   * the topic's fence.
   */
  admits(following: F, batch: SampleBatch, now: number): boolean {
    const { stream, match: { topic, ownership } } = following;
    if (batch.incarnation !== stream.incarnation) return true; // which the stream drops
    // A shared topic has no owner, and no epoch.
    if (ownership === "shared") {
      this.#refuse(following, batch, 0n);
      return false;
    }
    const check = this.#checks.get(topic)!;
    const verdict = check.judge(batch.epoch, this.#reach, now);
    if (check.wanting || check.doubtful) this.#wanting.add(topic);
    if (verdict === "hold") this.#hold(following, batch);
    else if (verdict === "refuse") {
      this.#lacking.add(following);
      this.#refuse(following, batch, check.ceiling);
    }
    if (check.due(now)) this.#readMore();
    return verdict === "believe";
  }

  /** To be called a few times a second. */
  look(now: number): void {
    const { reachable } = this.#reach;
    if (this.#wasReachable && !reachable) this.#handOn(undefined, now);
    this.#wasReachable = reachable;
    this.#readMore();
  }

  /** That stream is followed no more. */
  forget(following: F): void {
    this.#lacking.delete(following);
    this.#held = this.#held.filter((one) => one.following !== following || this.#let(one.batch));
  }

  get #reach(): Reach {
    const { acting, newestZxid } = this.#zk;
    if (newestZxid > this.#newest) this.#newest = newestZxid;
    return { reachable: acting && !this.#silent, newest: this.#newest };
  }

  #hold(following: F, batch: SampleBatch): void {
    const cost = costOf(batch);
    // Nothing that is asked for has to come before it, so no room is kept free for that.
    if (this.#room.mayHold(cost, true)) {
      this.#held.push({ following, batch });
      this.#room.hold(cost);
    } else {
      this.#lacking.add(following);
      this.#output.drop(batch);
    }
  }

  /** That is held no longer. */
  #let(batch: SampleBatch): false {
    this.#room.hold(-costOf(batch));
    return false;
  }

  #refuse(following: F, batch: SampleBatch, ceiling: bigint): void {
    this.#refused++;
    this.#output.drop(batch);
    if (this.#told.has(following)) return;
    this.#told.add(following);
    const { topic, publisher, epoch } = batch;
    this.#output.say(
      `does not believe a message of ${publisher} on topic ${topic} with epoch ${epoch}: ZooKeeper has given ` +
        `${ceiling > 0n ? `none above ${ceiling}` : "none"}. What else is not believed is only counted`,
    );
  }

  /** Judge again what was kept, and ask for what was dropped. @param topic all when it is undefined. */
  #handOn(topic: string | undefined, now: number): void {
    if (this.#closing.aborted) return;
    const concerns = ({ match }: F) => topic === undefined || match.topic === topic;
    const held = this.#held.filter(({ following }) => concerns(following));
    this.#held = this.#held.filter((one) => !concerns(one.following) || this.#let(one.batch));
    const lacking = [...this.#lacking].filter(concerns);
    for (const one of lacking) this.#lacking.delete(one);
    for (const { following, batch } of held) {
      const news = batch.epoch > following.stream.options.fence.highest;
      if (!news || this.admits(following, batch, now)) this.#output.receive(following, batch, now);
    }
    for (const one of lacking) this.#output.askAgain(one, now);
  }

  #readMore(): void {
    if (!this.#zk.acting || this.#closing.aborted) return;
    const now = monotonic();
    for (const topic of this.#wanting) {
      if (this.#reads >= MAX_READS) return;
      const check = this.#checks.get(topic)!;
      if (!check.wanting && !check.doubtful) this.#wanting.delete(topic);
      else if (check.due(now)) {
        this.#wanting.delete(topic);
        void this.#read(topic, check);
      }
    }
  }

  /** Never rejects. */
  async #read(topic: string, check: EpochCheck): Promise<void> {
    this.#reads++;
    check.begin();
    const timer = setTimeout(() => {
      this.#silent = true;
      this.look(monotonic());
    }, SILENT_MS);
    try {
      const mzxid = await this.#mzxid(topic, check.target);
      this.#silent = false;
      const wrong = check.answered(mzxid, monotonic());
      if (wrong !== undefined) {
        this.#refused++;
        this.#output.say(
          `believed epoch ${wrong} of topic ${topic} while ZooKeeper was out of reach, which has given none above ` +
            `${check.ceiling}: its owner is heard again`,
        );
        for (const one of this.#output.streamsOf(topic)) this.#lacking.add(one);
      }
    } catch {
      // Out of touch, or closed: asked again later, and told of by the session.
      this.#silent = true;
      check.failed(monotonic());
    }
    clearTimeout(timer);
    this.#reads--;
    if (check.wanting || check.doubtful) this.#wanting.add(topic);
    this.#handOn(topic, monotonic());
    this.look(monotonic());
  }

  async #mzxid(topic: string, target: bigint): Promise<bigint> {
    const path = topicPath(topic);
    const first = (await this.#zk.exists(path))?.mzxid ?? 0n;
    if (first >= target) return first;
    // Our server may be behind the one that has given that epoch.
    await this.#zk.sync(path);
    return (await this.#zk.exists(path))?.mzxid ?? 0n;
  }
}
