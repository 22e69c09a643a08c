import type { Header } from "./event/index.js";

/** A record's value does not say which schema it was written with. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** What a value was written with, in Confluent's wire format, and the Avro message behind it. */
export type Frame =
  | { readonly id: number; readonly datum: Uint8Array }
  | { readonly guid: string; readonly datum: Uint8Array };

/** The record header that replaces the prefix. */
const guidHeader = "__value_schema_id";

/** Returns a message behind the prefix with its schema's id: a zero byte and four of the id. */
export function frame(id: number, datum: Uint8Array): Uint8Array {
  const value = Buffer.alloc(5 + datum.length);
  value.writeUInt32BE(id, 1);
  value.set(datum, 5);
  return value;
}

/** Splits a value. Null is for a tombstone. Throws a WireError for what is not in the wire format. */
export function parseFrame(value: Uint8Array | null, headers: readonly Header[] = []): Frame | null {
  if (value === null) return null;
  const named = headers.find((h) => h.key === guidHeader)?.value;
  if (named !== undefined && named !== null) return { ...prefix(named), datum: value } as Frame;
  const read = prefix(value);
  return { ...("id" in read ? { id: read.id } : { guid: read.guid }), datum: value.subarray(read.size) } as Frame;
}

function prefix(bytes: Uint8Array): { id: number; size: number } | { guid: string; size: number } {
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (b.length === 0) throw new WireError("the value is too short for a schema id");
  if (b[0] === 0) {
    if (b.length < 5) throw new WireError("the value is too short for a schema id");
    const id = b.readInt32BE(1);
    if (id < 0) throw new WireError("the schema id is negative");
    return { id, size: 5 };
  }
  if (b[0] !== 1) throw new WireError("the value begins with an unknown magic byte: it is not in Confluent's wire format");
  if (b.length < 17) throw new WireError("the value is too short for a schema GUID");
  const guid = b.subarray(1, 17).toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { guid, size: 17 };
}
