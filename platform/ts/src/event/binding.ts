import type { Envelope, Header } from "./envelope.js";
import { Assembler, CloudEventError, specVersion, validate } from "./envelope.js";
import { parseStructured } from "./json.js";
import { percentDecode, percentEncode } from "./percent.js";

/** The bindings of CloudEvents that brokers use. */
export type Binding = "kafka" | "nats";

/** How a message carries an event. */
export type Mode = "binary" | "structured" | "batched";

/** An event as it arrived: its attributes, and its data as bytes, null when there is none. */
export interface Parsed {
  readonly envelope: Envelope;
  readonly data: Uint8Array | null;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Tells from the content type how a message carries its event. */
export function modeOf(contentType: string | undefined): Mode {
  const type = (contentType ?? "").trim().toLowerCase();
  if (type.startsWith("application/cloudevents-batch")) return "batched";
  return type.startsWith("application/cloudevents") ? "structured" : "binary";
}

/** Returns the attributes as headers in binary mode. Throws a CloudEventError for ones that CloudEvents forbids. */
export function headersOf(binding: Binding, e: Envelope): Header[] {
  validate(e);
  const prefix = binding === "kafka" ? "ce_" : "ce-";
  const headers: Header[] = [];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) {
      headers.push({ key: name, value: Buffer.from(binding === "nats" ? percentEncode(value) : value) });
    }
  };
  add(binding === "kafka" ? "content-type" : "ce-datacontenttype", e.datacontenttype);
  add(prefix + "specversion", specVersion);
  for (const name of ["id", "source", "type", "subject", "time", "dataschema"] as const) add(prefix + name, e[name]);
  for (const name of Object.keys(e.extensions).sort()) add(prefix + name, e.extensions[name]);
  return headers;
}

/**
 * Reads a record as an event, in binary mode or in structured mode with the JSON format. Throws a CloudEventError for
 * anything else.
 */
export function parse(binding: Binding, headers: readonly Header[], value: Uint8Array | null): Parsed {
  const contentType = textOf(headers.find((h) => h.key.toLowerCase() === "content-type")?.value ?? null);
  if (binding === "nats" && headers.length === 0) return parseStructured(value);
  if (modeOf(contentType) === "structured") return structured(contentType, value);
  if (modeOf(contentType) === "batched" && binding === "kafka") {
    throw new CloudEventError("a batch where one event is expected");
  }
  return { envelope: binding === "kafka" ? fromKafka(headers) : fromNats(headers), data: value };
}

function structured(contentType: string, value: Uint8Array | null): Parsed {
  const media = contentType.split(";")[0]!.trim().toLowerCase();
  if (media !== "application/cloudevents" && media !== "application/cloudevents+json") {
    throw new CloudEventError("an event format that is not understood, only application/cloudevents+json is");
  }
  return parseStructured(value);
}

function fromKafka(headers: readonly Header[]): Envelope {
  const attributes = new Assembler();
  for (const { key, value } of headers) {
    if (key.toLowerCase() === "content-type") attributes.set("datacontenttype", textOf(value));
    else if (key.startsWith("ce_") && key !== "ce_datacontenttype") attributes.set(key.slice(3), textOf(value));
  }
  return attributes.done();
}

function fromNats(headers: readonly Header[]): Envelope {
  const attributes = new Assembler();
  for (const { key, value } of headers) {
    const name = key.toLowerCase();
    if (name.startsWith("ce-")) attributes.set(name.slice(3), percentDecode(textOf(value)));
  }
  return attributes.done();
}

function textOf(value: Uint8Array | null): string {
  if (value === null) return "";
  try {
    return strict.decode(value);
  } catch {
    throw new CloudEventError("a header is not UTF-8");
  }
}
