import { createHash } from "node:crypto";
import { codecOf, type Codec } from "./avro/index.js";
import type { InRecord, OutRecord } from "./driver.js";
import type { Envelope, Extensions, Header } from "./event/index.js";
import { avroContentType, headersOf, newEventId, validate } from "./event/index.js";
import type { Registry } from "./registry.js";
import type { EventType, Fact, OutboxEvent } from "./store.js";
import { frame } from "./wire.js";

/** The largest event, in bytes of Avro: brokers refuse records over 1 MiB. */
const maxEventBytes = 900 * 1024;
/** What the key and the attributes may have in bytes. */
const maxAttributeBytes = 64 * 1024;

/** Where an event comes from: what began the flow, what led to it, and the trace. */
export interface Cause {
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
}

const codecs = new WeakMap<object, Codec<unknown>>();

/** Returns the codec of an event type, made once. */
export function codec<T>(type: EventType<T>): Codec<T> {
  let known = codecs.get(type);
  if (known === undefined) codecs.set(type, (known = codecOf(type) as Codec<unknown>));
  return known as Codec<T>;
}

/** Makes an event of a payload. Its id is made here, once. Throws when the payload does not fit. */
export function compose<T>(type: EventType<T>, payload: T, cause: Cause, now: Date): OutboxEvent {
  const data = codec(type).encode(payload);
  if (data.length > maxEventBytes) {
    throw new Error(
      `${type.topic} has ${data.length} bytes, more than the ${maxEventBytes} that a broker takes; publish a reference to the large part instead`,
    );
  }
  const fields = payload as { readonly [name: string]: unknown };
  const key = type.key === undefined ? null : Buffer.from(String(fields[type.key]));
  const subject = type.subject === undefined ? undefined : String(fields[type.subject]);
  const envelope: Envelope = {
    id: newEventId(),
    source: `/pulselearn/${type.context}`,
    type: type.topic,
    ...(subject && { subject }),
    time: rfc3339(now),
    datacontenttype: avroContentType,
    extensions: present({
      causationid: cause.causationId,
      correlationid: cause.correlationId,
      partitionkey: key?.toString() || undefined,
      traceparent: cause.traceparent,
      tracestate: cause.tracestate || undefined,
    }),
  };
  validate(envelope);
  const size = (key?.length ?? 0) + Object.values(envelope.extensions).reduce((sum, v) => sum + Buffer.byteLength(v), subject?.length ?? 0);
  if (size > maxAttributeBytes) {
    throw new Error(`key and attributes of ${type.topic} have ${size} bytes together, more than ${maxAttributeBytes}; choose a shorter key`);
  }
  return { topic: type.topic, key, envelope, fingerprint: type.fingerprint, schema: type.schema, data };
}

function present(all: { readonly [name: string]: string | undefined }): Extensions {
  return Object.fromEntries(Object.entries(all).filter((e): e is [string, string] => e[1] !== undefined));
}

/** A time as attributes have it: in UTC, without zeros at the end of the fraction. */
export function rfc3339(at: Date): string {
  return at.toISOString().replace(/\.?0*Z$/, "Z");
}

/** Adds when an event was committed. */
export function recorded(e: OutboxEvent, at: Date): OutboxEvent {
  if ("raw" in e) return e;
  return { ...e, envelope: { ...e.envelope, extensions: { ...e.envelope.extensions, recordedtime: rfc3339(at) } } };
}

/** Makes the record of an event: in the wire format with the registry's id, the attributes as headers. */
export async function recordOf(e: OutboxEvent, registry: Registry): Promise<OutRecord> {
  if ("raw" in e) return e.raw;
  const id = await registry.idOf(`${e.topic}-value`, e.schema);
  const { time } = e.envelope;
  return {
    topic: e.topic,
    key: e.key,
    value: frame(id, e.data),
    headers: withTrace(headersOf("kafka", e.envelope), e.envelope.extensions),
    ...(time !== undefined && { timestamp: Date.parse(time) }),
  };
}

/** The trace once more by the W3C's own names: there consumers look that know nothing of CloudEvents. */
function withTrace(headers: Header[], extensions: Extensions): Header[] {
  for (const key of ["traceparent", "tracestate"]) {
    const value = extensions[key];
    if (value !== undefined) headers.push({ key, value: Buffer.from(value) });
  }
  return headers;
}

const dayMillis = 24 * 60 * 60 * 1000;

/**
 * What an event is recognized by, as the Go runtime has it: sixteen bytes of SHA-256 over the source, a zero byte and the
 * sameas or id; on the day of its time unless that is far from the present.
 */
export function factOf(e: Pick<Envelope, "source" | "id" | "time" | "extensions">, recordTime: number, now: number, redriven = ""): Fact {
  const text = `${e.source}\u0000${e.extensions["sameas"] ?? e.id}`;
  const told = e.time === undefined ? recordTime : Date.parse(e.time);
  return fact(redriven === "" ? text : `${text}\u0000${redriven}`, told, now);
}

/** What a record is recognized by that holds no event that can be read. */
export function factOfPlace(r: InRecord, now: number): Fact {
  return fact(`\u0000${r.topic}\u0000${r.partition}\u0000${r.offset}\u0000${r.timestamp}`, r.timestamp, now);
}

function fact(text: string, told: number, now: number): Fact {
  const at = told >= now - 60 * dayMillis && told <= now + 1.5 * dayMillis ? told : now;
  return { day: dayOf(new Date(at)), hash: createHash("sha256").update(text).digest().subarray(0, 16) };
}

/** YYYYMMDD, in UTC. */
export function dayOf(at: Date): number {
  return at.getUTCFullYear() * 10_000 + (at.getUTCMonth() + 1) * 100 + at.getUTCDate();
}
