import type { OutRecord } from "./driver.js";
import type { Envelope, Header } from "./event/index.js";

/** What is known of an event type; the values of @pulselearn/campus-hub's events are such. `T` is the payload. */
export interface EventType<T> {
  readonly topic: string;
  readonly context: string;
  readonly key?: string;
  readonly subject?: string;
  readonly partitions: number;
  readonly retentionMillis: number;
  /** The first eight bytes of SHA-256 over the schema, in hexadecimal digits. */
  readonly fingerprint: string;
  readonly schema: string;
  /** Never set: it ties the payload's type to the value. */
  readonly $payload?: T;
}

/** An event that was published, before it has a registry's id, or a record that goes as it is. */
export type OutboxEvent =
  | {
      readonly topic: string;
      readonly key: Uint8Array | null;
      readonly envelope: Envelope;
      /** Of the schema; the schema itself is registered under the topic. */
      readonly fingerprint: string;
      readonly schema: string;
      /** Avro, without the registry's prefix. */
      readonly data: Uint8Array;
    }
  | { readonly raw: OutRecord; readonly id: string; readonly at: Date };

/** What an event is recognized by when it is published again. */
export interface Fact {
  /** YYYYMMDD of the event's time. */
  readonly day: number;
  /** Sixteen bytes of SHA-256 over its source and its sameas or id. */
  readonly hash: Uint8Array;
}

/** An open transaction of a store, as the bus sees it. */
export interface StoreTx<Client> {
  /** The connection inside the transaction. It must not be used after the transaction. */
  readonly client: Client;
  /** Adds events, which go to the broker after the commit, in this order among those with the same topic and key. */
  publish(events: readonly OutboxEvent[]): void;
}

/** Publishes what an outbox holds. */
export type Publisher = (events: readonly OutboxEvent[]) => Promise<void>;

/** Where effects, the inbox and the outbox are, so that they commit together. */
export interface Store<Client> {
  /** Begins to publish what the outbox holds. */
  start(publish: Publisher): Promise<void>;
  /** Runs in one transaction. It rolls back when run throws. */
  transaction<T>(run: (tx: StoreTx<Client>) => Promise<T>): Promise<T>;
  /** Runs in one transaction that also notes the fact; returns false, without running, when the fact is noted already. */
  once(consumer: string, fact: Fact | null, run: (tx: StoreTx<Client>) => Promise<void>): Promise<boolean>;
  /** Stops publishing. What is in the outbox stays there. */
  close(): Promise<void>;
}

/** A record's headers, in the form in which the outbox keeps them exactly. */
export function encodeHeaders(headers: readonly Header[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { key, value } of headers) {
    const name = Buffer.from(key);
    parts.push(uvarint(name.length), name);
    parts.push(uvarint(value === null ? 0 : value.length + 1), value ?? Buffer.alloc(0));
  }
  return Buffer.concat(parts);
}

/** Reads what encodeHeaders wrote. */
export function decodeHeaders(list: Uint8Array): Header[] {
  const headers: Header[] = [];
  let at = 0;
  const number = (): number => {
    let n = 0;
    for (let factor = 1; ; factor *= 128) {
      const b = list[at++];
      if (b === undefined || factor > 2 ** 35) throw new Error("the list of headers is damaged");
      n += (b & 0x7f) * factor;
      if (b < 0x80) return n;
    }
  };
  const cut = (n: number): Uint8Array => {
    if (n > list.length - at) throw new Error("the list of headers is damaged");
    at += n;
    return list.slice(at - n, at);
  };
  while (at < list.length) {
    const key = Buffer.from(cut(number())).toString();
    const n = number();
    headers.push({ key, value: n === 0 ? null : cut(n - 1) });
  }
  return headers;
}

function uvarint(n: number): Uint8Array {
  const bytes: number[] = [];
  let rest = n;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
