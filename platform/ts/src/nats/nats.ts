import { jetstream, type JetStreamClient, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { nuid, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node";
import { connect } from "@nats-io/transport-node";
import { sleep } from "../backoff.js";
import type { Assigned, Driver, Member, OutRecord, Sink, Topic } from "../driver.js";
import { type Logger, reason } from "../log.js";
import { partitionOf } from "../murmur2.js";
import { type Message, toNats } from "./content.js";
import { bucketName } from "./group.js";
import { NatsMember } from "./member.js";
import { createTopic, partitionsOf, subjectOf } from "./topic.js";

/** Where NATS with JetStream is, and what it wants of a client. */
export interface NatsOptions {
  /** host:port addresses, or nats:// and tls:// URLs. */
  readonly servers: string | readonly string[];
  readonly token?: string;
  readonly user?: string;
  readonly pass?: string;
  readonly authenticator?: NonNullable<NodeConnectionOptions["authenticator"]>;
  readonly tls?: NonNullable<NodeConnectionOptions["tls"]>;
  /** How many servers keep each stream that is created; 1 unless said. */
  readonly replicas?: number;
  /** How often a member of a group shows that it is alive; 3,000 unless said. All members of a group have the same. */
  readonly idleMillis?: number;
}

/** A server takes at most a thousand messages in one atomic batch. */
const batchRecords = 500;
/** How long a publish goes on while the server is away. */
const publishWithinMillis = 30_000;
const answerWithinMillis = 5_000;

/** What the server answers to a batch that it knows from before, and to one that may be sent again. */
const duplicates = 10201;
const sendAgain = new Set([10158, 10176, 10210]);

/** NATS JetStream, laid out as the Go runtime has it: a stream a partition, written in atomic batches. */
export class NatsDriver implements Driver {
  readonly #options: NatsOptions;
  readonly #log: Logger;
  #connection: Promise<Connection> | undefined;
  readonly #counts = new Map<string, Promise<number>>();
  /** One publish at a time keeps a key's order between publishes. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: NatsOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  #connected(): Promise<Connection> {
    this.#connection ??= this.#connect().catch((thrown: unknown) => {
      this.#connection = undefined;
      throw new Error(`nats: connect to ${String(this.#options.servers)}: ${reason(thrown)}`, { cause: thrown });
    });
    return this.#connection;
  }

  async #connect(): Promise<Connection> {
    const { replicas: _, idleMillis: __, servers, ...access } = this.#options;
    const nc = await connect({ ...access, servers: typeof servers === "string" ? servers : [...servers], maxReconnectAttempts: -1, name: "pl-platform" });
    return { nc, js: jetstream(nc), jsm: await jetstreamManager(nc) };
  }

  publish(records: readonly OutRecord[]): Promise<void> {
    const turn = this.#last.then(() => this.#publish(records));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #publish(records: readonly OutRecord[]): Promise<void> {
    const { nc } = await this.#connected();
    const bySubject = new Map<string, Message[]>();
    const id = nuid.next();
    for (const [i, record] of records.entries()) {
      const partition = partitionOf(record.key, await this.#count(record.topic));
      const subject = subjectOf({ topic: record.topic, partition });
      const message = toNats(record);
      message.headers.set("Nats-Msg-Id", `${id}-${i}`);
      bySubject.set(subject, [...(bySubject.get(subject) ?? []), message]);
    }
    await Promise.all([...bySubject].map(([subject, messages]) => this.#write(nc, subject, messages)));
  }

  /** Of a batch that fails nothing is written, so that no record overtakes an earlier one of its key. */
  async #write(nc: NatsConnection, subject: string, messages: readonly Message[]): Promise<void> {
    for (let at = 0; at < messages.length; at += batchRecords) {
      await this.#writeBatch(nc, subject, messages.slice(at, at + batchRecords));
    }
  }

  async #writeBatch(nc: NatsConnection, subject: string, batch: readonly Message[]): Promise<void> {
    const deadline = performance.now() + publishWithinMillis;
    for (let wait = 20; ; wait = Math.min(2 * wait, 1_000)) {
      try {
        await send(nc, subject, batch);
        return;
      } catch (thrown) {
        const code = thrown instanceof Refused ? thrown.code : undefined;
        if (code === duplicates && batch.length > 1) return this.#singly(nc, subject, batch);
        if ((code !== undefined && !sendAgain.has(code)) || performance.now() > deadline) {
          throw new Error(`nats: publish to ${subject}: ${reason(thrown)}`, { cause: thrown });
        }
      }
      await sleep(wait);
    }
  }

  /** Completes a batch that the stream knows from an earlier attempt, by the ids of its messages. */
  async #singly(nc: NatsConnection, subject: string, batch: readonly Message[]): Promise<void> {
    for (const message of batch) {
      for (const name of ["Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit"]) message.headers.delete(name);
      await this.#writeBatch(nc, subject, [message]);
    }
  }

  /** A topic's partition count never changes. */
  #count(topic: string): Promise<number> {
    const known = this.#counts.get(topic);
    if (known !== undefined) return known;
    const asked = this.#connected().then(({ jsm }) => partitionsOf(jsm, topic));
    asked.catch(() => this.#counts.delete(topic));
    this.#counts.set(topic, asked);
    return asked;
  }

  async ensureTopics(topics: readonly Topic[]): Promise<void> {
    const { jsm } = await this.#connected();
    for (const topic of topics) {
      const have = await partitionsOf(jsm, topic.name).catch(() => undefined);
      if (have === undefined) await createTopic(jsm, topic, this.#options.replicas ?? 1);
      else if (have !== topic.partitions) {
        throw new Error(`nats: topic ${topic.name} has ${have} partitions and the contract says ${topic.partitions}; a partition count never changes`);
      }
    }
  }

  async join(group: string, topics: readonly string[], assign: (partition: Assigned) => Sink): Promise<Member> {
    const { nc, js, jsm } = await this.#connected();
    const counts = new Map<string, number>();
    for (const topic of topics) counts.set(topic, await this.#count(topic));
    const bucket = await new Kvm(nc).create(bucketName, { history: 1, replicas: this.#options.replicas ?? 1, description: "consumer groups of campus-hub: members, leases and copies of positions" });
    const options = { js, jsm, bucket, group, topics: counts, idleMillis: this.#options.idleMillis ?? 3_000, log: this.#log };
    const member = new NatsMember(options, assign);
    await member.open();
    return member;
  }

  async close(): Promise<void> {
    await this.#last;
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.nc.drain();
  }
}

interface Connection {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

/** The stream has refused a batch. */
class Refused extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** Sends a batch once. Only its last message is answered. */
async function send(nc: NatsConnection, subject: string, batch: readonly Message[]): Promise<void> {
  if (batch.length > 1) number(batch);
  for (const { headers, data } of batch.slice(0, -1)) nc.publish(subject, data, { headers });
  const { headers, data } = batch.at(-1)!;
  const answer = await nc.request(subject, data, { headers, timeout: answerWithinMillis });
  const ack = answer.json<{ readonly stream?: string; readonly error?: { readonly err_code: number; readonly description: string } }>();
  if (ack.error !== undefined) throw new Refused(ack.error.err_code, ack.error.description);
  if (!ack.stream) throw new Refused(0, "the acknowledgement comes from no stream; does something else answer on its subject?");
}

/** Makes messages a batch under a name of its own: what is left of an earlier attempt must not mix with this one. */
function number(batch: readonly Message[]): void {
  const id = nuid.next();
  for (const [i, { headers }] of batch.entries()) {
    headers.set("Nats-Batch-Id", id);
    headers.set("Nats-Batch-Sequence", String(i + 1));
  }
  batch.at(-1)!.headers.set("Nats-Batch-Commit", "1");
}
