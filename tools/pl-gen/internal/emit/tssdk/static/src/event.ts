/**
 * What is known of an event type. `T` is its payload; the interfaces of the payloads are generated beside the values of
 * this type. @pl/platform publishes and consumes events by it.
 */
export interface EventType<T> {
  /** The broker's topic, which is the CloudEvents type: `pl.<context>.<event>.v<N>`. */
  readonly topic: string;
  /** The bounded context that publishes the event. */
  readonly context: string;
  /** The field that is the record's key; absent for an unordered event. */
  readonly key?: string;
  /** The field that is the CloudEvents subject. */
  readonly subject?: string;
  /** How many partitions the topic has. It never changes. */
  readonly partitions: number;
  /** How long the broker keeps the event; 0 for ever. */
  readonly retentionMillis: number;
  /** The first eight bytes of SHA-256 over `schema`, in hexadecimal digits. */
  readonly fingerprint: string;
  /** The registered Avro schema: self-contained, minified JSON. */
  readonly schema: string;
  /** Never set: it ties the payload's type to the value. */
  readonly $payload?: T;
}

/** The payload of an event type: `Payload<typeof QuizCompleted>` is `QuizCompleted`. */
export type Payload<E> = E extends EventType<infer T> ? T : never;
