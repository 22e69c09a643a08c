import type { MsgHdrs } from "@nats-io/nats-core";
import { headers as newHeaders } from "@nats-io/nats-core";
import type { OutRecord } from "../driver.js";
import { CloudEventError, type Header, percentDecode, percentEncode } from "../event/index.js";

/** Headers that carry what a NATS message has no place for; the Go runtime's names. */
const keyHeader = "Pl-Key";
const nullHeader = "Pl-Null";
const timeHeader = "Pl-Time";
/** Lists headers whose values are percent-encoded because they are no printable ASCII. Attributes always are. */
const encodedHeader = "Pl-Encoded";

/** A message as NATS has it. */
export interface Message {
  readonly headers: MsgHdrs;
  readonly data: Uint8Array;
}

/** Converts a record, whose headers are named as on Kafka, into the message that carries it. */
export function toNats(record: OutRecord): Message {
  const h = newHeaders();
  const isEvent = record.headers.some((x) => x.key === "ce_specversion");
  const encoded = new Set<string>();
  for (const { key, value } of record.headers) {
    const text = Buffer.from(value ?? []);
    const attribute = isEvent ? attributeName(key) : undefined;
    if (attribute !== undefined) {
      h.append(attribute, percentEncode(text.toString()));
      continue;
    }
    if (/^(Nats|Pl)-/.test(key)) throw new Error(`header ${key}: names that begin with Nats- or Pl- have a meaning of their own on NATS`);
    if (!isPlain(text)) encoded.add(key);
    h.append(key, isPlain(text) ? text.toString("latin1") : percentBytes(text));
  }
  for (const name of encoded) h.append(encodedHeader, name);
  if (record.key !== null) h.set(keyHeader, percentBytes(Buffer.from(record.key)));
  if (record.value === null) h.set(nullHeader, "true");
  if (record.timestamp !== undefined) h.set(timeHeader, new Date(record.timestamp).toISOString());
  return { headers: h, data: record.value ?? new Uint8Array() };
}

function attributeName(key: string): string | undefined {
  if (key.toLowerCase() === "content-type") return "ce-datacontenttype";
  return key.startsWith("ce_") ? "ce-" + key.slice(3) : undefined;
}

function isPlain(text: Buffer): boolean {
  return text.every((b) => b >= 0x20 && b <= 0x7e) && text[0] !== 0x20 && text.at(-1) !== 0x20;
}

/** Percent-encodes what is no printable ASCII, and what has a meaning in the encoding. */
function percentBytes(bytes: Buffer): string {
  return Array.from(bytes, (b) => (b <= 0x20 || b === 0x22 || b === 0x25 || b >= 0x7f ? "%" + b.toString(16).toUpperCase().padStart(2, "0") : String.fromCharCode(b))).join("");
}

/** What a message carries besides its place. */
export type Content = Pick<OutRecord, "key" | "value" | "headers"> & { readonly timestamp: number };

/** Reads the record that a message carries, also one of another publisher: theirs have no key unless they say so. */
export function fromNats(h: MsgHdrs | undefined, data: Uint8Array, stored: number): Content {
  const names = h === undefined ? [] : h.keys();
  if (h === undefined || names.length === 0) {
    // A message without headers is an event in the JSON format, as the binding says.
    return { key: null, value: data, headers: [{ key: "content-type", value: Buffer.from("application/cloudevents+json") }], timestamp: stored };
  }
  const told = h.has(timeHeader) ? Date.parse(h.get(timeHeader)) : NaN;
  return {
    key: h.has(keyHeader) ? unescape(h.get(keyHeader)) : null,
    value: h.has(nullHeader) ? null : data,
    headers: headersOf(h, names),
    timestamp: Number.isNaN(told) ? stored : told,
  };
}

function headersOf(h: MsgHdrs, names: readonly string[]): Header[] {
  const isEvent = isBinaryEvent(h, names);
  const encoded = h.values(encodedHeader);
  const list: Header[] = [];
  for (const name of [...names].sort()) {
    if (/^(Nats|Pl)-/.test(name)) continue;
    const lower = name.toLowerCase();
    if (isEvent && lower === "content-type") continue; // of the transport; the event's own is an attribute
    const attribute = isEvent && lower.startsWith("ce-");
    const key = !attribute ? (lower === "content-type" ? lower : name) : lower === "ce-datacontenttype" ? "content-type" : "ce_" + lower.slice(3);
    for (const value of h.values(name)) {
      list.push({ key, value: attribute ? attributeValue(value) : encoded.includes(name) ? unescape(value) : Buffer.from(value) });
    }
  }
  return list;
}

function isBinaryEvent(h: MsgHdrs, names: readonly string[]): boolean {
  const structured = names.some((n) => n.toLowerCase() === "content-type" && h.get(n).toLowerCase().startsWith("application/cloudevents"));
  return !structured && names.some((n) => n.toLowerCase() === "ce-specversion");
}

/** One that is not UTF-8 stays as it is: the reader of the event refuses it. */
function attributeValue(value: string): Buffer {
  try {
    return Buffer.from(percentDecode(value));
  } catch (thrown) {
    if (!(thrown instanceof CloudEventError)) throw thrown;
    return unescape(value);
  }
}

function unescape(value: string): Buffer {
  const parts = value.split(/((?:%[0-9a-fA-F]{2})+)/).map((part) => (/^%[0-9a-fA-F]{2}/.test(part) ? Buffer.from(part.replaceAll("%", ""), "hex") : Buffer.from(part)));
  return Buffer.concat(parts);
}
