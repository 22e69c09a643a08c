import type { PoolClient } from "pg";
import type { Envelope } from "../event/index.js";
import { decodeHeaders, encodeHeaders, type OutboxEvent } from "../store.js";

/** A row as the relay reads it. */
export interface OutboxRow {
  readonly day: number;
  readonly seq: string;
  readonly id: string;
  readonly topic: string;
  readonly key: Buffer | null;
  readonly fingerprint: string;
  readonly attributes: string;
  readonly data: Buffer;
  readonly headers: Buffer | null;
  readonly schema: string | null;
}

/** What a raw row says of its value. */
const rawValue = 0;
const rawTombstone = 1;

/** Writes events as the transaction's last statement, so that the sequence is in the order of the commits that share a row. */
export async function insertEvents(client: PoolClient, day: number, shards: number, events: readonly OutboxEvent[]): Promise<void> {
  const rows = events.map(rowOf);
  await client.query(
    `INSERT INTO pl_outbox (day, shard, id, topic, key, fingerprint, attributes, data, headers)
     SELECT $1, * FROM unnest($2::smallint[], $3::text[], $4::text[], $5::bytea[], $6::bigint[], $7::text[], $8::bytea[], $9::bytea[])`,
    [
      day,
      rows.map((r) => fnv1a(r.key) % shards),
      rows.map((r) => r.id),
      rows.map((r) => r.topic),
      rows.map((r) => r.key),
      rows.map((r) => r.fingerprint),
      rows.map((r) => r.attributes),
      rows.map((r) => r.data),
      rows.map((r) => r.headers),
    ],
  );
}

type Insert = { [column in "id" | "topic" | "attributes" | "fingerprint"]: string } & { key: Buffer | null; data: Buffer; headers: Buffer | null };

function rowOf(e: OutboxEvent): Insert {
  if ("raw" in e) {
    const { topic, key, value, headers } = e.raw;
    const kind = Buffer.from([value === null ? rawTombstone : rawValue]);
    const attributes = `time ${e.at.toISOString()}\n`;
    return { id: e.id, topic, key: bufferOf(key), fingerprint: "0", attributes, data: bufferOf(value) ?? Buffer.alloc(0), headers: Buffer.concat([kind, encodeHeaders(headers)]) };
  }
  const signed = BigInt.asIntN(64, BigInt("0x" + e.fingerprint)).toString();
  return { id: e.envelope.id, topic: e.topic, key: bufferOf(e.key), fingerprint: signed, attributes: linesOf(e.envelope), data: bufferOf(e.data)!, headers: null };
}

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Attributes are lines of a name, a blank and a value; the id and the type have columns of their own. */
function linesOf(e: Envelope): string {
  const { source, subject, time, datacontenttype, extensions } = e;
  const all: [string, string | undefined][] = [["source", source], ["subject", subject], ["time", time], ["datacontenttype", datacontenttype]];
  for (const name of Object.keys(extensions).sort()) all.push([name, extensions[name]]);
  return all.map(([name, value]) => (value ? `${name} ${value}\n` : "")).join("");
}

/** Reads a row as what was published. */
export function readRow(row: OutboxRow): OutboxEvent {
  const attributes = new Map<string, string>();
  for (const line of row.attributes.split("\n")) {
    const at = line.indexOf(" ");
    if (at > 0) attributes.set(line.slice(0, at), line.slice(at + 1));
  }
  const time = attributes.get("time");
  if (row.headers !== null) {
    const at = new Date(time ?? Date.now());
    const value = row.headers[0] === rawTombstone ? null : row.data;
    return { id: row.id, at, raw: { topic: row.topic, key: row.key, value, headers: decodeHeaders(row.headers.subarray(1)), timestamp: at.getTime() } };
  }
  if (row.schema === null) throw new Error(`sequence ${row.seq} of the outbox: the schema of ${row.topic} is not in pl_event_schema`);
  return { topic: row.topic, key: row.key, data: row.data, fingerprint: row.fingerprint, schema: row.schema, envelope: envelopeOf(row, attributes) };
}

function envelopeOf(row: OutboxRow, attributes: Map<string, string>): Envelope {
  const take = (name: string): string | undefined => {
    const value = attributes.get(name);
    attributes.delete(name);
    return value;
  };
  const optional = { subject: take("subject"), time: take("time"), datacontenttype: take("datacontenttype") };
  const source = take("source") ?? "";
  const present = Object.fromEntries(Object.entries(optional).filter((e) => e[1] !== undefined));
  return { id: row.id, type: row.topic, source, ...present, extensions: Object.fromEntries(attributes) };
}

/** Keeps the schemas of published events, so that a relay of another version of the service finds them. */
export async function rememberSchemas(client: PoolClient, events: readonly OutboxEvent[]): Promise<void> {
  for (const e of events) {
    if ("raw" in e) continue;
    const signed = BigInt.asIntN(64, BigInt("0x" + e.fingerprint)).toString();
    await client.query("INSERT INTO pl_event_schema (fingerprint, subject, text) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", [signed, `${e.topic}-value`, e.schema]);
  }
}

/** The hash that keeps all events of a key in one shard: FNV-1a of 32 bits. */
export function fnv1a(key: Uint8Array | null): number {
  let h = 0x811c9dc5;
  for (const b of key ?? []) h = Math.imul(h ^ b, 0x01000193);
  return h >>> 0;
}
