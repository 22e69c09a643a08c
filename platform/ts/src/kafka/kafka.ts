import type { Consumer, EachBatchPayload, IHeaders, Kafka, KafkaConfig, Producer } from "kafkajs";
import kafkajs from "kafkajs";
import { sleep } from "../backoff.js";
import type { Assigned, Driver, Member, OutRecord, Sink, Topic } from "../driver.js";
import type { Header } from "../event/index.js";
import type { Logger } from "../log.js";
import { reason } from "../log.js";
import { partitionOf } from "../murmur2.js";
import { addCompression } from "./compression.js";

/** Where Kafka is, and what it wants of a client. */
export interface KafkaOptions {
  /** host:port addresses. */
  readonly brokers: readonly string[];
  readonly clientId?: string;
  readonly ssl?: KafkaConfig["ssl"];
  readonly sasl?: KafkaConfig["sasl"];
  /** How long a member may show no life before the others take its partitions; 10,000 unless said. */
  readonly sessionTimeoutMillis?: number;
}

/** How long the broker keeps a request when there is nothing to read; leaving the group waits for it. */
const fetchWaitMillis = 500;
/** Positions are copied to the broker at most this often. */
const commitEveryMillis = 1_000;
const heartbeatEveryMillis = 1_000;
/** How long the records of a fetch wait for room. Other partitions of the broker wait too, so then the partition pauses. */
const roomWithinMillis = 500;
/** How long a member that kafkajs has given up stays away. */
const comeBackMillis = 5_000;

/** Kafka, through kafkajs. Keys go where Kafka's own producer puts them. */
export class KafkaDriver implements Driver {
  readonly #options: KafkaOptions;
  readonly #log: Logger;
  readonly #kafka: Kafka;
  #producer: Promise<Producer> | undefined;
  readonly #partitions = new Map<string, Promise<number>>();
  /** One publish at a time: what a publish was told of is in the broker before the next begins. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KafkaOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    addCompression();
    this.#kafka = new kafkajs.Kafka({
      clientId: options.clientId ?? "pl-platform",
      brokers: [...options.brokers],
      logCreator: () => ({ level, log: entry }) => {
        const { message, ...details } = entry;
        if (level <= kafkajs.logLevel.ERROR) log.warn(`kafka: ${message}`, details);
        else log.debug(`kafka: ${message}`, details);
      },
      ...(options.ssl !== undefined && { ssl: options.ssl }),
      ...(options.sasl !== undefined && { sasl: options.sasl }),
    });
  }

  publish(records: readonly OutRecord[]): Promise<void> {
    const turn = this.#last.then(() => this.#publish(records));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #publish(records: readonly OutRecord[]): Promise<void> {
    const producer = await this.#connected();
    const byTopic = new Map<string, OutRecord[]>();
    for (const r of records) byTopic.set(r.topic, [...(byTopic.get(r.topic) ?? []), r]);
    const topicMessages = [];
    for (const [topic, list] of byTopic) {
      const count = await this.#count(topic);
      const messages = list.map((r) => ({
        key: r.key === null ? null : Buffer.from(r.key),
        value: r.value === null ? null : Buffer.from(r.value),
        partition: partitionOf(r.key, count),
        headers: toKafka(r.headers),
        ...(r.timestamp !== undefined && { timestamp: String(Math.trunc(r.timestamp)) }),
      }));
      topicMessages.push({ topic, messages });
    }
    try {
      await producer.sendBatch({ topicMessages, acks: -1 });
    } catch (thrown) {
      throw new Error(`kafka: publish to ${[...byTopic.keys()].join(", ")}: ${reason(thrown)}`, { cause: thrown });
    }
  }

  /** One request in flight keeps the order; what a retry writes twice the consumers settle. */
  #connected(): Promise<Producer> {
    this.#producer ??= (async () => {
      const producer = this.#kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: 1 });
      await producer.connect();
      return producer;
    })().catch((thrown: unknown) => {
      this.#producer = undefined;
      throw thrown;
    });
    return this.#producer;
  }

  /** A topic's partition count never changes. */
  #count(topic: string): Promise<number> {
    const known = this.#partitions.get(topic);
    if (known !== undefined) return known;
    const asked = this.#withAdmin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]!.partitions.length;
    }).catch((thrown: unknown) => {
      this.#partitions.delete(topic);
      throw new Error(`kafka: topic ${topic}: ${reason(thrown)}; create it with \`pl-gen topics apply\``, { cause: thrown });
    });
    this.#partitions.set(topic, asked);
    return asked;
  }

  async #withAdmin<T>(ask: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      return await ask(admin);
    } finally {
      await admin.disconnect();
    }
  }

  async ensureTopics(topics: readonly Topic[]): Promise<void> {
    await this.#withAdmin(async (admin) => {
      const have = new Set(await admin.listTopics());
      const missing = topics.filter((t) => !have.has(t.name));
      if (missing.length === 0) return;
      await admin.createTopics({
        topics: missing.map((t) => ({
          topic: t.name,
          numPartitions: t.partitions,
          configEntries: [{ name: "retention.ms", value: String(t.retentionMillis > 0 ? t.retentionMillis : -1) }],
        })),
      });
    });
  }

  async join(group: string, topics: readonly string[], assign: (partition: Assigned) => Sink): Promise<Member> {
    for (const topic of topics) await this.#count(topic);
    const consumer = this.#kafka.consumer({
      groupId: group,
      allowAutoTopicCreation: false,
      sessionTimeout: this.#options.sessionTimeoutMillis ?? 10_000,
      heartbeatInterval: heartbeatEveryMillis,
      maxWaitTimeInMs: fetchWaitMillis,
      retry: { restartOnFailure: () => Promise.resolve(true) },
    });
    const member = new KafkaMember(consumer, topics, assign, this.#log);
    await member.open();
    return member;
  }

  async close(): Promise<void> {
    await this.#last;
    await (await this.#producer?.catch(() => undefined))?.disconnect();
  }
}

/** A partition as this member has it. */
interface Seat {
  readonly sink: Sink;
  dirty: number | undefined;
}

class KafkaMember implements Member {
  readonly #consumer: Consumer;
  readonly #topics: readonly string[];
  readonly #assign: (partition: Assigned) => Sink;
  readonly #log: Logger;
  readonly #seats = new Map<string, Seat>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();

  constructor(consumer: Consumer, topics: readonly string[], assign: (partition: Assigned) => Sink, log: Logger) {
    this.#consumer = consumer;
    this.#topics = topics;
    this.#assign = assign;
    this.#log = log;
  }

  async open(): Promise<void> {
    this.#consumer.on("consumer.group_join", ({ payload }) => this.#assigned(payload.memberAssignment));
    this.#consumer.on("consumer.crash", ({ payload }) => {
      if (!payload.restart) void this.#comeBack(payload.error);
    });
    await this.#run();
    this.#timer = setInterval(() => (this.#committing = this.#commit()), commitEveryMillis);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.#topics], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 16,
      eachBatch: (batch) => this.#batch(batch),
    });
  }

  /** kafkajs comes back by itself after failures that it takes for transient. After any other it would be silent for ever. */
  async #comeBack(why: unknown): Promise<void> {
    this.#log.error("kafka: the consumer has failed; it comes back", { reason: reason(why), afterMillis: comeBackMillis });
    while (!this.#stop.signal.aborted) {
      await sleep(comeBackMillis, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      try {
        await this.#run();
        return;
      } catch (thrown) {
        this.#log.error("kafka: the consumer cannot come back yet", { reason: reason(thrown), afterMillis: comeBackMillis });
      }
    }
  }

  /** Keeps the seats that are still there; their sinks know what they have taken. */
  #assigned(assignment: { readonly [topic: string]: readonly number[] }): void {
    const kept = new Set(Object.entries(assignment).flatMap(([topic, list]) => list.map((p) => place(topic, p))));
    for (const [at, seat] of this.#seats) {
      if (kept.has(at)) continue;
      this.#seats.delete(at);
      void seat.sink.revoke();
    }
  }

  async #batch({ batch, resolveOffset, heartbeat, isRunning, isStale, pause }: EachBatchPayload): Promise<void> {
    const { sink } = this.#seat(batch.topic, batch.partition);
    for (const message of batch.messages) {
      if (!isRunning() || isStale()) return;
      const room = sink.push({
        topic: batch.topic,
        partition: batch.partition,
        offset: Number(message.offset),
        key: message.key,
        value: message.value,
        headers: fromKafka(message.headers),
        timestamp: Number(message.timestamp),
      });
      resolveOffset(message.offset);
      if (room === undefined || (await inTime(room, roomWithinMillis))) continue;
      // The rest is fetched again. kafkajs waits for all partitions of a fetch, and a handler's troubles are not theirs.
      const resume = pause();
      void room.then(resume).catch((thrown: unknown) => this.#log.debug("kafka: a partition was not resumed", { reason: reason(thrown) }));
      break;
    }
    await heartbeat();
  }

  #seat(topic: string, partition: number): Seat {
    const at = place(topic, partition);
    const have = this.#seats.get(at);
    if (have !== undefined) return have;
    const commit = (next: number): void => {
      seat.dirty = next;
    };
    const seat: Seat = { sink: this.#assign({ topic, partition, commit }), dirty: undefined };
    this.#seats.set(at, seat);
    return seat;
  }

  async #commit(): Promise<void> {
    const sent = [...this.#seats].filter(([, seat]) => seat.dirty !== undefined).map(([at, seat]) => ({ at, seat, next: seat.dirty! }));
    if (sent.length === 0) return;
    for (const { seat } of sent) seat.dirty = undefined;
    const offsets = sent.map(({ at, next }) => {
      const [topic, partition] = at.split(" ");
      return { topic: topic!, partition: Number(partition), offset: String(next) };
    });
    try {
      await this.#consumer.commitOffsets(offsets);
    } catch (thrown) {
      // The next time, then. What is never committed is read again, and settled by the inbox.
      for (const { seat, next } of sent) seat.dirty ??= next;
      this.#log.debug("kafka: positions were not committed", { reason: reason(thrown) });
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    await Promise.all([...this.#seats.values()].map(({ sink }) => sink.revoke()));
    await this.#committing;
    await this.#commit();
    await this.#consumer.disconnect();
  }
}

function place(topic: string, partition: number): string {
  return `${topic} ${partition}`;
}

/** Whether work is done within that time. */
async function inTime(work: Promise<void>, millis: number): Promise<boolean> {
  const enough = new AbortController();
  const done = await Promise.race([work.then(() => true), sleep(millis, enough.signal).then(() => false)]);
  enough.abort();
  return done;
}

/** kafkajs has headers by name, and a list of values for one that occurs twice. */
function toKafka(headers: readonly Header[]): IHeaders {
  const byName: { [name: string]: Buffer | Buffer[] } = {};
  for (const { key, value } of headers) {
    const bytes = Buffer.from(value ?? []);
    const have = byName[key];
    byName[key] = have === undefined ? bytes : Array.isArray(have) ? [...have, bytes] : [have, bytes];
  }
  return byName;
}

function fromKafka(headers: IHeaders | undefined): Header[] {
  const list: Header[] = [];
  for (const [key, value] of Object.entries(headers ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      list.push({ key, value: one === undefined ? null : typeof one === "string" ? Buffer.from(one) : one });
    }
  }
  return list;
}
