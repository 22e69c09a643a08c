import { randomUUID } from "node:crypto";
import { DeliverPolicy, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import { sleep, whenAborted } from "../backoff.js";
import type { Assigned, Member, Sink } from "../driver.js";
import { type Logger, reason } from "../log.js";
import { fromNats } from "./content.js";
import { GroupView, leaseKey, memberKey, nameOf, type Place, positionKey, watchedKeys } from "./group.js";
import { streamName } from "./topic.js";

/** What a member stands on. */
export interface MemberOptions {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly bucket: KV;
  readonly group: string;
  /** Partition counts, by topic. */
  readonly topics: ReadonlyMap<string, number>;
  /** How often a member shows that it is alive. */
  readonly idleMillis: number;
  readonly log: Logger;
}

/** Positions are copied to the server at most this often. */
const commitEveryMillis = 1_000;
const readAhead = 200;
/** What the server answers to a write that names another revision than the last. */
const wrongSequence = 10071;

/** A partition that the member has. */
interface Seat extends Place {
  readonly sink: Sink;
  readonly revision: number;
  readonly stop: AbortController;
  reading: Promise<void>;
  dirty: number | undefined;
}

/**
 * One member of a consumer group on JetStream, as the Go runtime's are: members show in a bucket that they are alive, take
 * free partitions up to their fair share by a write that fails when another was first, and give back what is more. A member
 * that could show no life gives up its partitions before the others take them. Two can have a partition for a moment; the
 * inbox settles what both apply.
 */
export class NatsMember implements Member {
  readonly #o: MemberOptions;
  readonly #assign: (partition: Assigned) => Sink;
  readonly #id = randomUUID().replaceAll("-", "");
  readonly #view: GroupView;
  readonly #seats = new Map<string, Seat>();
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[] = [];
  #renewed = 0;
  /** One decision at a time. */
  #deciding: Promise<void> = Promise.resolve();
  #undecided = false;

  constructor(options: MemberOptions, assign: (partition: Assigned) => Sink) {
    this.#o = options;
    this.#assign = assign;
    this.#view = new GroupView(this.#ttl());
  }

  #ttl(): number {
    return 3 * this.#o.idleMillis + 1_000;
  }

  #alive(): boolean {
    return performance.now() - this.#renewed < this.#ttl() - this.#o.idleMillis;
  }

  async open(): Promise<void> {
    await this.#renew();
    this.#loops.push(this.#every(this.#o.idleMillis, () => this.#renew()), this.#watch());
    this.#loops.push(this.#every(commitEveryMillis, () => this.#commit([...this.#seats.values()])));
  }

  async #renew(): Promise<void> {
    const at = performance.now();
    await this.#o.bucket.put(memberKey(this.#o.group, this.#id), [...this.#o.topics.keys()].join(" "));
    this.#renewed = at;
  }

  async #every(millis: number, work: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await sleep(millis, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      await work().catch((thrown: unknown) => this.#o.log.warn("nats: the group's session is disturbed", { group: this.#o.group, reason: reason(thrown) }));
      this.#decide();
    }
  }

  /** Follows the group as long as the member lives, and watches anew when a watch ends. */
  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        const entries = await this.#o.bucket.watch({ key: watchedKeys(this.#o.group) });
        const forget = whenAborted(this.#stop.signal, () => entries.stop());
        for await (const e of entries) {
          this.#view.apply(e.key, e.operation === "PUT" ? e.string() : undefined, e.revision, performance.now());
          if (e.delta === 0) this.#decide();
        }
        forget();
      } catch (thrown) {
        this.#o.log.warn("nats: the watch of the group has ended", { group: this.#o.group, reason: reason(thrown) });
      }
      await sleep(200, this.#stop.signal);
    }
  }

  /** Nobody waits for it but the next decision: giving back a partition takes as long as its handlers. */
  #decide(): void {
    if (this.#undecided) return;
    this.#undecided = true;
    this.#deciding = this.#deciding
      .then(() => {
        this.#undecided = false;
        return this.#settle();
      })
      .catch((thrown: unknown) => this.#o.log.warn("nats: partitions were not shared out", { group: this.#o.group, reason: reason(thrown) }));
  }

  /** Brings what the member has in line with what it may have. */
  async #settle(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    for (const id of this.#view.expired(this.#id, performance.now())) await this.#o.bucket.purge(memberKey(this.#o.group, id));
    if (!this.#alive()) {
      await this.#revoke([...this.#seats.values()], false);
      return;
    }
    const lost = [...this.#seats.values()].filter((seat) => {
      const lease = this.#view.lease(seat);
      return lease.owner !== this.#id && lease.revision > seat.revision;
    });
    await this.#revoke(lost, false);
    for (const [topic, partitions] of this.#o.topics) await this.#balance(topic, partitions);
  }

  async #balance(topic: string, partitions: number): Promise<void> {
    const share = this.#view.share(this.#id, topic, partitions);
    const mine = [...this.#seats.values()].filter((s) => s.topic === topic).sort((a, b) => b.partition - a.partition);
    await this.#revoke(mine.splice(0, Math.max(0, mine.length - share)), true);
    let have = mine.length;
    for (let partition = 0; partition < partitions && have < share; partition++) {
      const place = { topic, partition };
      if (!this.#seats.has(nameOf(place)) && this.#view.free(place, this.#id) && (await this.#take(place))) have++;
    }
  }

  /** Writes the lease, unless it has changed since it was seen. */
  async #take(place: Place): Promise<boolean> {
    let revision: number;
    try {
      revision = await this.#o.bucket.put(leaseKey(this.#o.group, place), this.#id, { previousSeq: this.#view.lease(place).revision });
    } catch (thrown) {
      if ((thrown as { code?: number }).code !== wrongSequence) throw thrown;
      return false; // another was first; the watch tells who
    }
    this.#view.own(place, { owner: this.#id, revision });
    const next = await this.#position(place);
    const commit = (offset: number): void => {
      seat.dirty = offset;
    };
    const seat: Seat = { ...place, revision, stop: new AbortController(), sink: this.#assign({ ...place, commit }), dirty: undefined, reading: Promise.resolve() };
    this.#seats.set(nameOf(place), seat);
    seat.reading = this.#read(seat, next);
    return true;
  }

  /** Where the group is, or the oldest record. */
  async #position(place: Place): Promise<number> {
    const entry = await this.#o.bucket.get(positionKey(this.#o.group, place));
    return entry === null || entry.operation !== "PUT" ? 0 : Number(entry.string());
  }

  /** Reads until the seat is given up, and begins anew where it was when reading fails. */
  async #read(seat: Seat, from: number): Promise<void> {
    let next = from;
    while (!seat.stop.signal.aborted) {
      try {
        next = await this.#begin(seat, next);
        const consumer = await this.#o.js.consumers.get(streamName(seat), { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: next + 1 });
        const messages = await consumer.consume({ max_messages: readAhead });
        const forget = whenAborted(seat.stop.signal, () => messages.stop());
        for await (const m of messages) {
          const offset = m.seq - 1;
          const stored = Math.floor(m.info.timestampNanos / 1e6);
          const room = seat.sink.push({ topic: seat.topic, partition: seat.partition, offset, ...fromNats(m.headers, m.data, stored) });
          next = offset + 1;
          await room;
          if (seat.stop.signal.aborted) break;
        }
        forget();
      } catch (thrown) {
        this.#o.log.warn("nats: a partition cannot be read now", { partition: nameOf(seat), reason: reason(thrown) });
      }
      await sleep(500, seat.stop.signal);
    }
  }

  /** Says when records that were not read are gone, and where the stream goes on. */
  async #begin(seat: Seat, next: number): Promise<number> {
    const { state } = await this.#o.jsm.streams.info(streamName(seat));
    const first = Math.max(state.first_seq, 1) - 1;
    if (next >= first && next <= state.last_seq) return next;
    const goesOn = next < first ? first : state.last_seq;
    this.#o.log.error("nats: the stream lacks records that were not read", { partition: nameOf(seat), next, goesOn });
    return goesOn;
  }

  async #commit(seats: readonly Seat[]): Promise<void> {
    for (const seat of seats) {
      const next = seat.dirty;
      if (next === undefined) continue;
      await this.#o.bucket.put(positionKey(this.#o.group, seat), String(next));
      if (seat.dirty === next) seat.dirty = undefined;
    }
  }

  /** Ends the reading of partitions, lets their handlers end, and gives the partitions back where they are still this member's. */
  async #revoke(seats: readonly Seat[], giveBack: boolean): Promise<void> {
    for (const seat of seats) {
      this.#seats.delete(nameOf(seat));
      seat.stop.abort();
    }
    await Promise.all(seats.map((seat) => Promise.all([seat.sink.revoke(), seat.reading])));
    if (!giveBack) return;
    await this.#commit(seats);
    for (const seat of seats) await this.#o.bucket.delete(leaseKey(this.#o.group, seat), { previousSeq: seat.revision });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#loops, this.#deciding]);
    try {
      await this.#revoke([...this.#seats.values()], true);
    } finally {
      await this.#o.bucket.purge(memberKey(this.#o.group, this.#id));
    }
  }
}
