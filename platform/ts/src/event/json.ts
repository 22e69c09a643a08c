import type { Parsed } from "./binding.js";
import { Assembler, checkName, CloudEventError } from "./envelope.js";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads an event in the JSON format of CloudEvents. */
export function parseStructured(value: Uint8Array | null): Parsed {
  const json = objectOf(value);
  const attributes = new Assembler();
  for (const [name, member] of Object.entries(json)) {
    if (name === "data" || name === "data_base64" || member === null) continue;
    checkName(name);
    attributes.set(name, textOf(name, member));
  }
  const envelope = attributes.done();
  return { envelope, data: dataOf(json, envelope.datacontenttype) };
}

function objectOf(value: Uint8Array | null): { readonly [name: string]: unknown } {
  let json: unknown;
  try {
    json = JSON.parse(strict.decode(value ?? new Uint8Array()));
  } catch {
    json = undefined;
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new CloudEventError("not a JSON object");
  return json as { readonly [name: string]: unknown };
}

const textual = ["type", "source", "id", "specversion", "subject", "time", "datacontenttype", "dataschema"];

function textOf(name: string, member: unknown): string {
  if (typeof member === "string") return member;
  const whole = typeof member === "number" && Number.isInteger(member) && member === (member | 0);
  if (!textual.includes(name) && (typeof member === "boolean" || whole)) return String(member);
  throw new CloudEventError(`attribute ${name} has a type that attributes cannot have`);
}

function dataOf(json: { readonly [name: string]: unknown }, contentType: string | undefined): Uint8Array | null {
  const { data, data_base64: encoded } = json;
  if (encoded !== undefined && encoded !== null) {
    if (data !== undefined) throw new CloudEventError("an event has both data and data_base64");
    const bytes = typeof encoded === "string" ? Buffer.from(encoded, "base64") : undefined;
    if (bytes === undefined || bytes.toString("base64") !== encoded) throw new CloudEventError("data_base64 is not base64");
    return bytes;
  }
  if (data === undefined) return null;
  if (typeof data === "string" && contentType !== undefined && !isJson(contentType)) return Buffer.from(data);
  return data === null && !("data" in json) ? null : Buffer.from(JSON.stringify(data));
}

function isJson(contentType: string): boolean {
  const minor = contentType.split(";")[0]!.trim().toLowerCase().split("/")[1] ?? "";
  return minor === "json" || minor.endsWith("+json");
}
