import { AvroError } from "./avro/index.js";
import { defaultRetry, delayAfter, type Retry, sleep } from "./backoff.js";
import { BreakerOpen, CircuitBreaker } from "./breaker.js";
import { type Cause, codec, factOf, factOfPlace } from "./compose.js";
import { deadLetter, redriven } from "./deadletter.js";
import type { InRecord } from "./driver.js";
import { CloudEventError, newEventId, parse } from "./event/index.js";
import { type Logger, reason } from "./log.js";
import { OutcomeError } from "./outcome.js";
import type { Semaphore } from "./partition.js";
import { type Registry, RegistryError, RegistryUnavailable } from "./registry.js";
import type { EventType, Fact, Store, StoreTx } from "./store.js";
import { inSpan, parseTraceparent, SpanKind, traceOf } from "./trace.js";
import { parseFrame, WireError } from "./wire.js";

/** An event on its way to one handler. */
export interface Delivery<T> {
  /** The CloudEvents attributes. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly extensions: { readonly [name: string]: string };
  /** The payload, as this service's version of the schema has it. */
  readonly data: T;
  /** Counts the runs of the handler for this delivery, from 1, while the process lives. */
  readonly attempt: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Ends when the handler has taken too long. A service that stops lets its handlers end. */
  readonly signal: AbortSignal;
}

/** Applies events. What it does with tx commits together with the note that the event was applied, or not at all. */
export type Handler<T, Tx> = (event: Delivery<T>, tx: Tx) => Promise<void> | void;

/** How events of one type are consumed. */
export interface SubscribeOptions {
  /** How often a delivery that failed is tried; 15 attempts from 500 ms to 15 min apart unless said, an hour in all. */
  readonly retry?: Partial<Retry>;
  /** How long one run of the handler may take; 10,000 unless said. */
  readonly timeoutMillis?: number;
  /** How many tries in a row fail before the consumer only tries from time to time; 20 unless said. Those do not count. */
  readonly outageAfter?: number;
}

/** What a consumer stands on. */
export interface Surroundings<Client> {
  readonly context: string;
  readonly store: Store<Client>;
  readonly registry: Registry;
  readonly slots: Semaphore;
  readonly log: Logger;
  readonly now: () => number;
}

/** Runs with what a handler writes with, which ends with the run. */
export type Shell<Client, Tx> = (store: StoreTx<Client>, cause: Cause, use: (tx: Tx) => Promise<void>) => Promise<void>;

/** While the registry is away nothing can be decoded, and nothing is a dead letter for it. */
const registryRetry: Retry = { attempts: Infinity, firstDelayMillis: 100, maxDelayMillis: 5_000 };

/** An event before a run of its handler. */
type Read<T> = Omit<Delivery<T>, "signal">;

/** Why a run has failed, whether it counts as an attempt, and what the record is known by. */
interface Failure {
  readonly thrown: unknown;
  readonly counted: boolean;
  readonly fact: Fact;
}

/** Runs the deliveries of one consumer, <context>.<handler>. */
export class ConsumerRun<T, Client, Tx> {
  readonly #name: string;
  readonly #type: EventType<T>;
  readonly #handler: Handler<T, Tx>;
  readonly #shell: Shell<Client, Tx>;
  readonly #in: Surroundings<Client>;
  readonly #retry: Retry;
  readonly #timeout: number;
  readonly #breaker: CircuitBreaker;

  constructor(name: string, type: EventType<T>, handler: Handler<T, Tx>, options: SubscribeOptions, surroundings: Surroundings<Client>, shell: Shell<Client, Tx>) {
    this.#name = name;
    this.#type = type;
    this.#handler = handler;
    this.#shell = shell;
    this.#in = surroundings;
    this.#retry = { ...defaultRetry, ...options.retry };
    this.#timeout = options.timeoutMillis ?? 10_000;
    // What is wrong with one event says nothing about the others.
    const counts = (thrown: unknown): boolean => !(thrown instanceof OutcomeError);
    this.#breaker = new CircuitBreaker({ failures: options.outageAfter ?? 20, openMillis: 1_000, counts });
  }

  /** Settles one record, however often it takes. It resolves to "stopped" when the service stops first. */
  async deliver(record: InRecord, stop: AbortSignal): Promise<"settled" | "stopped"> {
    for (let attempt = 1; !stop.aborted; ) {
      const failure = await this.#in.slots.run(() => this.#attempt(record, attempt, stop));
      if (failure === undefined) return "settled";
      if (stop.aborted) break;
      const { thrown, counted } = failure;
      if (counted && this.#isOver(thrown, attempt) && (await this.#bury(record, failure, attempt, stop))) return "settled";
      const wait = this.#wait(thrown, attempt);
      this.#in.log.debug("a delivery failed and is tried again", { ...this.#where(record), attempt, wait, reason: reason(thrown) });
      if (counted) attempt++;
      await sleep(wait, stop);
    }
    return "stopped";
  }

  /** Runs the handler once. Undefined means that it is settled. */
  async #attempt(record: InRecord, attempt: number, stop: AbortSignal): Promise<Failure | undefined> {
    // A record that holds no event that can be read is known by its place.
    let fact = factOfPlace(record, this.#in.now());
    if (stop.aborted) return { thrown: undefined, counted: false, fact };
    try {
      const event = await this.#decode(record, attempt);
      fact = factOf(event, record.timestamp, this.#in.now(), redriven(record, this.#name));
      await this.#breaker.run(() => this.#apply(record, event, fact));
      return undefined;
    } catch (thrown) {
      const waits = thrown instanceof BreakerOpen || thrown instanceof RegistryUnavailable || this.#breaker.open;
      return { thrown, counted: !waits || thrown instanceof OutcomeError, fact };
    }
  }

  #isOver(thrown: unknown, attempt: number): boolean {
    if (thrown instanceof OutcomeError && thrown.outcome === "dead") return true;
    return attempt >= this.#retry.attempts;
  }

  #wait(thrown: unknown, attempt: number): number {
    if (thrown instanceof BreakerOpen) return thrown.retryAfterMillis * (1 + Math.random() / 5);
    if (thrown instanceof RegistryUnavailable) return delayAfter(Math.min(attempt, 10), registryRetry);
    const asked = thrown instanceof OutcomeError ? thrown.delayMillis : 0;
    return Math.max(asked, delayAfter(attempt, this.#retry));
  }

  /** Reads a record. What is wrong with the record itself is no reason to try again. */
  async #decode(record: InRecord, attempt: number): Promise<Read<T>> {
    try {
      const { envelope, data } = parse("kafka", record.headers, record.value);
      const read = parseFrame(data, record.headers);
      if (read === null) throw new WireError("the record has no value; events are never tombstones");
      const payload = codec(this.#type).decode(read.datum, await this.#in.registry.schema(read));
      const { extensions, ...attributes } = envelope;
      const { topic, partition, offset } = record;
      return { ...attributes, extensions, data: payload, attempt, topic, partition, offset };
    } catch (thrown) {
      if (thrown instanceof RegistryUnavailable) throw thrown;
      const known = [AvroError, CloudEventError, WireError, RegistryError].some((kind) => thrown instanceof kind);
      throw known ? new OutcomeError("dead", 0, new Error(`decode the event: ${reason(thrown)}`, { cause: thrown })) : thrown;
    }
  }

  async #apply(record: InRecord, event: Read<T>, fact: Fact): Promise<void> {
    const { extensions } = event;
    const parent = parseTraceparent(extensions["traceparent"], extensions["tracestate"]);
    const attributes = {
      "messaging.system": "pl",
      "messaging.destination.name": record.topic,
      "messaging.message.id": event.id,
      "messaging.consumer.group.name": `pl.${this.#in.context}`,
    };
    await inSpan(`process ${record.topic}`, SpanKind.CONSUMER, parent, attributes, async (span) => {
      const cause: Cause = {
        causationId: event.id,
        correlationId: extensions["correlationid"] ?? event.id,
        ...traceOf(span.spanContext()),
      };
      await this.#in.store.once(this.#name, fact, (store) =>
        this.#shell(store, cause, (tx) => within(this.#timeout, (signal) => this.#handler({ ...event, signal }, tx))),
      );
    });
  }

  /**
   * Sends the record to the dead letters, and notes with it that its event is settled: somebody who reads it again, after a
   * crash or because both had the partition for a moment, neither runs it behind its successors nor buries it twice. False
   * means that this has to be tried again.
   */
  async #bury(record: InRecord, { thrown, fact }: Failure, attempts: number, stop: AbortSignal): Promise<boolean> {
    const at = new Date(this.#in.now());
    const letter = deadLetter(record, { consumer: this.#name, context: this.#in.context, cause: reason(thrown), attempts, at });
    try {
      const first = await this.#in.store.once(this.#name, fact, (tx) => Promise.resolve(tx.publish([{ raw: letter, id: newEventId(), at }])));
      if (first) this.#in.log.error("a delivery became a dead letter", { ...this.#where(record), attempts, letters: letter.topic, reason: reason(thrown) });
      return true;
    } catch (failed) {
      this.#in.log.warn("a dead letter could not be written; trying again", { ...this.#where(record), reason: reason(failed) });
      await sleep(1_000, stop);
      return false;
    }
  }

  #where(record: InRecord): object {
    return { consumer: this.#name, topic: record.topic, partition: record.partition, offset: record.offset };
  }
}

/** Gives up waiting for a handler that takes too long; its transaction is rolled back. */
async function within(millis: number, run: (signal: AbortSignal) => Promise<void> | void): Promise<void> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, refuse) => {
    timer = setTimeout(() => {
      const why = new Error(`the handler took longer than ${millis} ms`);
      late.abort(why);
      refuse(why);
    }, millis);
  });
  try {
    await Promise.race([Promise.resolve(late.signal).then(run), over]);
  } finally {
    clearTimeout(timer);
  }
}
