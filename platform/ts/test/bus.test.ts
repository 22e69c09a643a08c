import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { codecOf } from "../src/avro/index.js";
import { EventBus } from "../src/bus.js";
import { deadLetter } from "../src/deadletter.js";
import type { Assigned, Driver, InRecord, Member, OutRecord, Sink } from "../src/driver.js";
import { headersOf, newEventId } from "../src/event/index.js";
import { type EventType, reject, type SubscribeOptions } from "../src/index.js";
import { fairShare } from "../src/nats/group.js";
import { PartitionWorker } from "../src/partition.js";
import { decodeHeaders, encodeHeaders } from "../src/store.js";
import { frame } from "../src/wire.js";

interface Lent {
  readonly bookId: string;
  readonly n: number;
}

const schema = JSON.stringify({
  type: "record",
  name: "Lent",
  namespace: "pl.library.v1",
  fields: [
    { name: "bookId", type: "string" },
    { name: "n", type: "int" },
  ],
});
const Lent: EventType<Lent> = { topic: "pl.library.lent.v1", context: "library", key: "bookId", partitions: 1, retentionMillis: 0, fingerprint: "00000000000000ff", schema };

/** A broker with one partition, in memory. */
class OnePartition implements Driver {
  readonly published: OutRecord[] = [];
  readonly committed: number[] = [];
  readonly #records: InRecord[] = [];
  #sink: Sink | undefined;
  #assign: ((partition: Assigned) => Sink) | undefined;

  publish(records: readonly OutRecord[]): Promise<void> {
    this.published.push(...records);
    return Promise.resolve();
  }

  ensureTopics(): Promise<void> {
    return Promise.resolve();
  }

  async join(_group: string, topics: readonly string[], assign: (partition: Assigned) => Sink): Promise<Member> {
    this.#assign = assign;
    this.#sink = assign({ topic: topics[0]!, partition: 0, commit: (next) => void this.committed.push(next) });
    for (const record of this.#records) void this.#sink.push(record);
    return Promise.resolve({ close: () => this.#sink!.revoke() });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  add(key: string, n: number, change: Partial<InRecord> = {}): string {
    const id = newEventId();
    const envelope = { id, source: "/pulselearn/library", type: Lent.topic, datacontenttype: "application/avro", extensions: {} };
    this.#records.push({
      topic: Lent.topic,
      partition: 0,
      offset: this.#records.length,
      key: Buffer.from(key),
      value: frame(7, codecOf(Lent).encode({ bookId: key, n })),
      headers: headersOf("kafka", envelope),
      timestamp: Date.now(),
      ...change,
    });
    return id;
  }

  again(offset: number): void {
    this.#records.push({ ...this.#records[offset]!, offset: this.#records.length });
  }

  record(offset: number): InRecord {
    return this.#records[offset]!;
  }

  /** Publishes a dead letter to the topic again, as `kcat` does. */
  redrive(letter: OutRecord): void {
    const record = { ...letter, topic: Lent.topic, partition: 0, offset: this.#records.length, timestamp: Date.now() };
    this.#records.push(record);
    void this.#sink!.push(record);
  }

  /** Reads everything again, as a member that joins behind a crash does. */
  reread(): void {
    const sink = this.#assign!({ topic: Lent.topic, partition: 0, commit: (next) => void this.committed.push(next) });
    for (const record of this.#records) void sink.push(record);
  }
}

type Answer = () => Response;
const found: Answer = () => Response.json({ schema });

async function consume(broker: OnePartition, handler: (e: Lent, attempt: number, signal: AbortSignal) => Promise<void> | void, options: SubscribeOptions = {}, answer: Answer = found): Promise<EventBus> {
  const fetch = (() => Promise.resolve().then(answer)) as typeof globalThis.fetch;
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const bus = await EventBus.connect({ context: "desk", registry: { url: "http://registry", fetch }, log }, broker);
  bus.subscribe(Lent, "OnLent", (e) => handler(e.data, e.attempt, e.signal), { retry: { attempts: 3, firstDelayMillis: 5, maxDelayMillis: 20 }, ...options });
  await bus.start();
  return bus;
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await pause(5);
  assert.ok(condition(), "it did not come to pass within two seconds");
}

describe("consuming", () => {
  it("keeps a key's order while one of its events is tried again, and lets other keys go on", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    broker.add("a", 2);
    broker.add("b", 3);
    const applied: number[] = [];
    const bus = await consume(broker, (e, attempt) => {
      if (e.n === 1 && attempt < 3) throw new Error("not yet");
      applied.push(e.n);
    });
    await until(() => applied.length === 3);
    await bus.close();
    assert.deepEqual(applied, [3, 1, 2]);
  });

  it("moves the position only over what is settled", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    broker.add("b", 2);
    broker.add("c", 3);
    let release = false;
    const applied: number[] = [];
    const bus = await consume(broker, (e) => {
      if (e.n === 1 && !release) throw new Error("not yet");
      applied.push(e.n);
    }, { retry: { attempts: 1000 } });
    await until(() => applied.length === 2);
    assert.deepEqual(broker.committed, []);
    release = true;
    await until(() => applied.length === 3);
    await bus.close();
    assert.deepEqual(broker.committed, [3]);
  });

  it("applies an event once that was published twice", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    broker.again(0);
    const applied: number[] = [];
    const bus = await consume(broker, (e) => void applied.push(e.n));
    await until(() => broker.committed.at(-1) === 2);
    await bus.close();
    assert.deepEqual(applied, [1]);
  });

  const poison: readonly [string, Partial<InRecord>, RegExp][] = [
    ["an unknown magic byte", { value: Buffer.from("hello") }, /magic byte/],
    ["a truncated message", { value: Buffer.from([0, 0, 0, 0, 7, 8]) }, /truncated/],
    ["no attributes", { headers: [] }, /missing specversion/],
    ["a tombstone", { value: null }, /no value/],
    ["a number beyond its type", { value: Buffer.from([0, 0, 0, 0, 7, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]) }, /32 bits/],
  ];
  for (const [what, change, cause] of poison) {
    it(`sends ${what} to the dead letters, as it was`, async () => {
      const broker = new OnePartition();
      broker.add("a", 1, change);
      broker.add("a", 2);
      const applied: number[] = [];
      const bus = await consume(broker, (e) => void applied.push(e.n));
      await until(() => applied.length === 1);
      await bus.close();
      const [letter] = broker.published;
      const told = new Map(letter!.headers.map((h) => [h.key, Buffer.from(h.value!).toString()]));
      assert.equal(letter!.topic, "pl.library.lent.v1.desk.dlq");
      assert.deepEqual([told.get("pl-consumer"), told.get("pl-partition"), told.get("pl-offset"), told.get("pl-attempts")], ["desk.OnLent", "0", "0", "1"]);
      assert.match(told.get("pl-cause")!, cause);
      if ("value" in change) assert.deepEqual(letter!.value, change.value);
    });
  }

  it("sends what is rejected there at once, and what fails for good after its attempts", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    broker.add("b", 2);
    const bus = await consume(broker, (e) => {
      throw e.n === 1 ? reject(new Error("never")) : new Error("still not");
    });
    await until(() => broker.published.length === 2);
    await bus.close();
    const attempts = broker.published.map((l) => Buffer.from(l.headers.find((h) => h.key === "pl-attempts")!.value!).toString());
    assert.deepEqual(attempts, ["1", "3"]);
  });

  it("buries once what is read again, and runs nothing of it behind its successors", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    broker.add("a", 2, { value: Buffer.from("hello") });
    broker.add("a", 3);
    const ran: number[] = [];
    const bus = await consume(broker, (e) => {
      ran.push(e.n);
      if (e.n === 1) throw reject(new Error("never"));
    });
    await until(() => broker.committed.at(-1) === 3);
    broker.committed.length = 0;
    broker.reread();
    await until(() => broker.committed.at(-1) === 3);
    await bus.close();
    assert.deepEqual(ran, [1, 3]);
    assert.equal(broker.published.length, 2);
  });

  it("runs a dead letter that is published to its topic again, once", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    let repaired = false;
    const applied: number[] = [];
    const bus = await consume(broker, (e) => {
      if (!repaired) throw reject(new Error("never"));
      applied.push(e.n);
    });
    await until(() => broker.published.length === 1);
    repaired = true;
    broker.redrive(broker.published[0]!);
    broker.redrive(broker.published[0]!);
    await until(() => broker.committed.at(-1) === 3);
    await bus.close();
    assert.deepEqual(applied, [1]);
  });

  it("takes another context's dead letter for the event that it is", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    const applied: number[] = [];
    const bus = await consume(broker, (e) => void applied.push(e.n));
    await until(() => broker.committed.at(-1) === 1);
    const death = { consumer: "shelf.OnLent", context: "shelf", cause: "never", attempts: 1, at: new Date() };
    broker.redrive(deadLetter(broker.record(0), death));
    await until(() => broker.committed.at(-1) === 2);
    await bus.close();
    assert.deepEqual(applied, [1]);
  });

  it("lets a handler that runs end when the bus is closed, and begins no other", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    broker.add("a", 2);
    const ran: string[] = [];
    let goOn: () => void = () => undefined;
    const bus = await consume(broker, async (e) => {
      ran.push(`begin ${e.n}`);
      await new Promise<void>((resolve) => (goOn = resolve));
      ran.push(`end ${e.n}`);
    });
    await until(() => ran.length === 1);
    const closed = bus.close();
    goOn();
    await closed;
    assert.deepEqual(ran, ["begin 1", "end 1"]);
    assert.deepEqual(broker.committed, [1]);
  });

  it("tells a handler that takes too long, and tries it again", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    const signals: AbortSignal[] = [];
    const bus = await consume(broker, (_, attempt, signal) => {
      signals.push(signal);
      return attempt === 1 ? new Promise<void>(() => undefined) : undefined;
    }, { timeoutMillis: 30 });
    await until(() => broker.committed.at(-1) === 1);
    await bus.close();
    assert.deepEqual(signals.map((s) => s.aborted), [true, false]);
  });

  it("says when a partition is full, and when there is room again", async () => {
    const go: (() => void)[] = [];
    const settled: number[] = [];
    const record = (offset: number): InRecord => ({ topic: "t", partition: 0, offset, key: Buffer.from(`k${offset}`), value: null, headers: [], timestamp: 0 });
    const deliver = (): Promise<"settled"> => new Promise((resolve) => go.push(() => resolve("settled")));
    const worker = new PartitionWorker({ topic: "t", partition: 0, commit: (next) => void settled.push(next) }, deliver, { records: 2, bytes: 1000 });
    assert.equal(worker.push(record(0)), undefined);
    const room = worker.push(record(1));
    assert.ok(room instanceof Promise);
    go[0]!();
    await room;
    assert.deepEqual(settled, [1]);
    const full = worker.push(record(2));
    const over = worker.revoke();
    await full;
    for (const end of go) end();
    await over;
    assert.equal(worker.push(record(3)), undefined);
  });

  it("waits for a registry that is away, and makes no dead letter of it", async () => {
    const broker = new OnePartition();
    broker.add("a", 1);
    let away = 2;
    const applied: number[] = [];
    const bus = await consume(broker, (e) => void applied.push(e.n), {}, () => (away-- > 0 ? new Response("", { status: 503 }) : found()));
    await until(() => applied.length === 1);
    await bus.close();
    assert.equal(broker.published.length, 0);
  });

  it("makes no dead letters of an outage", async () => {
    const broker = new OnePartition();
    for (let n = 0; n < 30; n++) broker.add(`k${n}`, n);
    let away = true;
    const applied = new Set<number>();
    const bus = await consume(broker, (e) => {
      if (away) throw new Error("the database is away");
      applied.add(e.n);
    }, { outageAfter: 5, retry: { attempts: 4, firstDelayMillis: 1, maxDelayMillis: 2 } });
    await pause(100);
    away = false;
    await until(() => applied.size === 30);
    await bus.close();
    assert.equal(broker.published.length, 0);
  });
});

describe("publishing", () => {
  it("refuses events of other contexts, payloads that do not fit, and to lose events in silence", async () => {
    const broker = new OnePartition();
    const bus = await EventBus.connect({ context: "desk", registry: { url: "http://registry" } }, broker);
    await assert.rejects(bus.publishDirect(Lent, { bookId: "a", n: 1 }), /belongs to library/);
    await assert.rejects(bus.publish(Lent, { bookId: "a", n: 1 }), /publishDirect/);
    const own = await EventBus.connect({ context: "library", registry: { url: "http://registry" } }, broker);
    await assert.rejects(own.publishDirect(Lent, { bookId: "a", n: 1.5 }), { name: "AvroError", message: /Lent\.n/ });
    assert.equal(broker.published.length, 0);
  });

  it("writes records as the Go runtime does", async () => {
    const broker = new OnePartition();
    const fetch = (() => Promise.resolve(Response.json({ id: 7 }))) as typeof globalThis.fetch;
    const bus = await EventBus.connect({ context: "library", registry: { url: "http://registry", fetch } }, broker);
    await bus.publishDirect(Lent, { bookId: "a", n: -2 }, { correlationId: "flow" });
    const [r] = broker.published;
    assert.deepEqual(Buffer.from(r!.value!).toString("hex"), "0000000007" + "0261" + "03");
    assert.equal(Buffer.from(r!.key!).toString(), "a");
    const names = r!.headers.map((h) => h.key);
    assert.deepEqual(names, ["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_correlationid", "ce_partitionkey", "ce_recordedtime"]);
  });
});

describe("the group on JetStream", () => {
  it("gives every partition to one member", () => {
    for (const partitions of [1, 3, 12]) {
      for (const members of [["m1"], ["m1", "m2"], ["m1", "m2", "m3", "m4", "m5"]]) {
        const all = members.map((m) => fairShare(m, "pl.a.b.v1", partitions, members, new Map()));
        assert.equal(all.reduce((a, b) => a + b), partitions);
        assert.ok(Math.max(...all) - Math.min(...all) <= 1);
      }
    }
  });
});

describe("the list of headers in the outbox", () => {
  it("keeps order, repetition, any bytes, and absent values", () => {
    const headers = [{ key: "a", value: Buffer.from([0, 255]) }, { key: "ä", value: null }, { key: "a", value: Buffer.alloc(300, 1) }, { key: "", value: Buffer.alloc(0) }];
    const again = decodeHeaders(encodeHeaders(headers)).map((h) => ({ key: h.key, value: h.value === null ? null : Buffer.from(h.value) }));
    assert.deepEqual(again, headers);
  });
});
