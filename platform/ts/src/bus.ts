import { activeTrace } from "./trace.js";
import { type Cause, compose, recorded, recordOf } from "./compose.js";
import { ConsumerRun, type Handler, type SubscribeOptions } from "./consumer.js";
import { deadLetterTopic } from "./deadletter.js";
import type { Driver, Member, Topic } from "./driver.js";
import { KafkaDriver, type KafkaOptions } from "./kafka/kafka.js";
import { type Logger, quietLogger, reason } from "./log.js";
import { MemoryStore } from "./memory.js";
import { NatsDriver, type NatsOptions } from "./nats/nats.js";
import { PartitionWorker, type Room, Semaphore } from "./partition.js";
import { type PostgresOptions, PostgresStore } from "./postgres/postgres.js";
import { Registry, type RegistryOptions } from "./registry.js";
import type { EventType, OutboxEvent, Store, StoreTx } from "./store.js";
import type { PoolClient } from "pg";

/** How a service is connected. It has one broker: NATS or Kafka. */
export interface EventBusConfig {
  /** The bounded context that the service is, for example "recommendation". Its consumer group is pl.<context>. */
  readonly context: string;
  readonly nats?: NatsOptions;
  readonly kafka?: KafkaOptions;
  readonly registry: RegistryOptions;
  /** The service's own database, with the inbox and the outbox. Without one nothing can be published in a transaction. */
  readonly postgres?: PostgresOptions;
  /**
   * Registers schemas, and creates the topics of what is published and dead letters' topics. Production leaves that to
   * pl-gen, and a service only verifies.
   */
  readonly provision?: boolean;
  /** How many handlers run at a time; 8 unless said. A handler has a connection of the database. */
  readonly concurrency?: number;
  /** How much of a partition may be on its way, also behind what is tried again; 1,000 records and 16 MiB unless said. */
  readonly room?: Room;
  readonly log?: Logger;
}

/** What a handler and a transaction write with. It dies with the transaction. */
export interface Tx {
  /** The database's connection inside the transaction. Throws in a service without a database. */
  readonly client: PoolClient;
  /** Publishes an event of this context with the transaction. It is checked at once and goes to the broker after the commit. */
  publish<T>(type: EventType<T>, payload: T): void;
}

/** What began a transaction, for the events that it publishes. */
export type TransactionOptions = Cause;

/** How an event is published outside of a handler. */
export type PublishOptions = Cause;

interface Subscription {
  readonly topic: string;
  readonly type: EventType<unknown>;
  readonly run: ConsumerRun<unknown, unknown, Tx>;
}

/**
 * Publishes and consumes events as the Go runtime does: the same records, headers, keys, groups and dead letters.
 *
 * A handler is one transaction: that the event was applied, what the handler changed and what it published commit together
 * or not at all. Events with the same key are applied in their order, also when one has to be tried again.
 */
export class EventBus {
  static #instance: Promise<EventBus> | undefined;

  readonly #config: EventBusConfig;
  readonly #driver: Driver;
  readonly #registry: Registry;
  readonly #store: Store<unknown>;
  readonly #log: Logger;
  readonly #slots: Semaphore;
  readonly #subscriptions = new Map<string, Subscription>();
  #member: Promise<Member> | undefined;
  #closed = false;

  /** Connects the process's bus, or returns it when it is connected already. */
  static init(config: EventBusConfig): Promise<EventBus> {
    EventBus.#instance ??= EventBus.connect(config).catch((thrown: unknown) => {
      EventBus.#instance = undefined;
      throw thrown;
    });
    return EventBus.#instance;
  }

  /** Connects a bus of its own, for a process that is several contexts. */
  static async connect(config: EventBusConfig, driver?: Driver): Promise<EventBus> {
    const bus = new EventBus(config, driver ?? driverOf(config));
    await bus.#store.start((events) => bus.#send(events));
    return bus;
  }

  private constructor(config: EventBusConfig, driver: Driver) {
    if (!/^[a-z][a-z0-9]*$/.test(config.context)) throw new Error("the context's name has to be lower-case letters and digits");
    this.#config = config;
    this.#driver = driver;
    this.#log = config.log ?? quietLogger;
    this.#registry = new Registry(config.registry);
    this.#slots = new Semaphore(config.concurrency ?? 8);
    this.#store = config.postgres === undefined ? new MemoryStore() : new PostgresStore(config.postgres, this.#log);
  }

  /**
   * Publishes an event in a transaction of its own: when this resolves the event is in the outbox, and will be published.
   * Publish with what caused it, in `transaction`, wherever there is something that caused it.
   */
  publish<T>(type: EventType<T>, payload: T, options: PublishOptions = {}): Promise<void> {
    if (this.#config.postgres === undefined) {
      const why = `publish ${type.topic}: there is no database to hold the event until the broker has it; use publishDirect to do without`;
      return Promise.reject(new Error(why));
    }
    return this.transaction((tx) => Promise.resolve(tx.publish(type, payload)), options);
  }

  /**
   * Publishes an event without a database: when this resolves the broker has it, and when it throws it may have it or not.
   * It commits with nothing.
   */
  async publishDirect<T>(type: EventType<T>, payload: T, options: PublishOptions = {}): Promise<void> {
    await this.#send([this.#compose(type, payload, options)]);
  }

  /** Runs in one transaction of the service's database. What it publishes goes to the broker after the commit. */
  async transaction<T>(run: (tx: Tx) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    if (this.#config.postgres === undefined) throw new Error("there is no database: give EventBus.init one to have transactions");
    return this.#store.transaction((store) => this.#shell(store, { ...activeTrace(), ...options }, run));
  }

  /**
   * Consumes the events of one type. The consumer's name is <context>.<handlerName>, "recommendation.OnQuizCompleted"; a
   * new name is a new consumer of the inbox. A context has one handler for a type. Call `start` after the last subscribe.
   */
  subscribe<T>(type: EventType<T>, handlerName: string, handler: Handler<T, Tx>, options: SubscribeOptions = {}): void {
    if (this.#member !== undefined) throw new Error(`subscribe to ${type.topic}: the bus was started already`);
    if (this.#subscriptions.has(type.topic)) throw new Error(`subscribe to ${type.topic}: the context has a handler for it`);
    const surroundings = {
      context: this.#config.context,
      store: this.#store,
      registry: this.#registry,
      slots: this.#slots,
      log: this.#log,
      now: Date.now,
    };
    const name = `${this.#config.context}.${handlerName}`;
    const run = new ConsumerRun<T, unknown, Tx>(name, type, handler, options, surroundings, (store, cause, use) => this.#shell(store, cause, use));
    this.#subscriptions.set(type.topic, { topic: type.topic, type, run: run as ConsumerRun<unknown, unknown, Tx> });
  }

  /** Joins the consumer group pl.<context> and begins to consume. Resolves when the broker has let the service in. */
  async start(): Promise<void> {
    if (this.#subscriptions.size === 0) throw new Error("start: the service subscribes to nothing");
    this.#member ??= this.#join();
    await this.#member;
  }

  async #join(): Promise<Member> {
    if (this.#config.provision === true) await this.#provisionLetters();
    const room = this.#config.room ?? { records: 1_000, bytes: 16 << 20 };
    return this.#driver.join(`pl.${this.#config.context}`, [...this.#subscriptions.keys()], (partition) => {
      const { run } = this.#subscriptions.get(partition.topic)!;
      return new PartitionWorker(partition, (record, stop) => run.deliver(record, stop), room);
    });
  }

  async #provisionLetters(): Promise<void> {
    const kept = 30 * 24 * 60 * 60 * 1000;
    await this.#driver.ensureTopics(
      [...this.#subscriptions.values()].map(({ topic, type }) => ({
        name: deadLetterTopic(topic, this.#config.context),
        partitions: type.partitions,
        retentionMillis: type.retentionMillis <= 0 ? 0 : Math.max(type.retentionMillis, kept),
      })),
    );
  }

  /** Creates topics and registers schemas of events, as `pl-gen topics apply` and `pl-gen register` do. For tests and first steps. */
  async provision(types: readonly EventType<unknown>[]): Promise<void> {
    const topics: Topic[] = types.map((t) => ({ name: t.topic, partitions: t.partitions, retentionMillis: t.retentionMillis }));
    await this.#driver.ensureTopics(topics);
    for (const t of types) await this.#registry.register(`${t.topic}-value`, t.schema);
  }

  /** Lets handlers finish, gives back the partitions, and closes the connections. What is in the outbox stays for the next start. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if ((await EventBus.#instance?.catch(() => undefined)) === this) EventBus.#instance = undefined;
    const member = await this.#member?.catch(() => undefined);
    await member?.close().catch((thrown: unknown) => this.#log.warn("the group was left without telling the broker", { reason: reason(thrown) }));
    await this.#store.close();
    await this.#driver.close();
  }

  /** Closes the bus, once, when the process is told to end. */
  closeOnSignals(): void {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void this.close());
  }

  #compose<T>(type: EventType<T>, payload: T, cause: Cause): OutboxEvent {
    if (type.context !== this.#config.context) {
      throw new Error(`context ${this.#config.context} publishes ${type.topic}, which belongs to ${type.context}; publish an event of your own`);
    }
    return compose(type, payload, cause, new Date());
  }

  /** Gives a transaction to run, and takes it away when run has returned. */
  async #shell<T>(store: StoreTx<unknown>, cause: Cause, run: (tx: Tx) => Promise<T>): Promise<T> {
    let over = false;
    const use = (): void => {
      if (over) throw new Error("the transaction is over; await everything before the handler returns");
    };
    const hasDatabase = this.#config.postgres !== undefined;
    const tx: Tx = {
      get client(): PoolClient {
        use();
        if (!hasDatabase) throw new Error("there is no database: give EventBus.init one to have transactions");
        return store.client as PoolClient;
      },
      publish: (type, payload) => {
        use();
        store.publish([this.#compose(type, payload, cause)]);
      },
    };
    try {
      return await run(tx);
    } finally {
      over = true;
    }
  }

  async #send(events: readonly OutboxEvent[]): Promise<void> {
    if (this.#config.provision === true) await this.#register(events);
    const now = new Date();
    const records = await Promise.all(events.map((e) => recordOf("raw" in e || e.envelope.extensions["recordedtime"] ? e : recorded(e, now), this.#registry)));
    await this.#driver.publish(records);
  }

  async #register(events: readonly OutboxEvent[]): Promise<void> {
    for (const e of events) {
      if ("raw" in e) continue;
      await this.#registry.idOf(`${e.topic}-value`, e.schema).catch(() => this.#registry.register(`${e.topic}-value`, e.schema));
    }
  }
}

function driverOf(config: EventBusConfig): Driver {
  const log = config.log ?? quietLogger;
  if (config.kafka !== undefined && config.nats === undefined) return new KafkaDriver(config.kafka, log);
  if (config.nats !== undefined && config.kafka === undefined) return new NatsDriver(config.nats, log);
  throw new Error("a bus has one broker: give EventBus.init either kafka or nats");
}
