import { AvroError } from "./error.js";
import { isUUID, parseDecimal, parseTime } from "./logical.js";
import type { EnumSchema, FixedSchema, RecordSchema, Schema, UnionSchema } from "./schema.js";
import { branchName, optional } from "./schema.js";
import { maxDepth } from "./reader.js";
import { Writer } from "./writer.js";

type Encode = (out: Writer, value: unknown, depth: number) => void;

/** Returns what encodes values with a schema. The field names are for errors. */
export function encoderOf(schema: Schema, name: string): (value: unknown) => Uint8Array {
  const encode = new Encoders().of(schema, name);
  return (value) => {
    const out = new Writer();
    encode(out, value, 0);
    return out.done();
  };
}

class Encoders {
  readonly #records = new Map<Schema, Encode>();

  of(schema: Schema, field: string): Encode {
    switch (schema.kind) {
      case "record":
        return this.#record(schema);
      case "array":
        return this.#array(schema.items, field);
      case "map":
        return this.#map(schema.items, field);
      case "union":
        return this.#union(schema, field);
      case "enum":
        return enumeration(schema, field);
      case "fixed":
        return fixed(schema, field);
    }
    return schema.logical === undefined ? primitive(schema.kind, field) : logical(schema, field);
  }

  /** A record that contains itself finds its encoder when it runs. */
  #record(schema: RecordSchema): Encode {
    const known = this.#records.get(schema);
    if (known !== undefined) return known;
    const fields: { readonly name: string; readonly encode: Encode }[] = [];
    const encode: Encode = (out, value, depth) => {
      if (depth >= maxDepth) throw new AvroError(`${schema.name}: the value is nested more than ${maxDepth} deep`);
      const record = object(value, schema.name);
      for (const { name, encode } of fields) encode(out, Object.hasOwn(record, name) ? record[name] : undefined, depth + 1);
    };
    this.#records.set(schema, encode);
    for (const f of schema.fields) fields.push({ name: f.name, encode: this.of(f.type, `${schema.name}.${f.name}`) });
    return encode;
  }

  #array(items: Schema, field: string): Encode {
    const encode = this.of(items, field);
    return (out, value, depth) => {
      if (!Array.isArray(value)) throw wrong(field, "an array", value);
      if (value.length > 0) out.long(value.length);
      for (const item of value) encode(out, item, depth);
      out.long(0);
    };
  }

  /** Maps are written in the order of their keys: equal events have equal bytes. */
  #map(items: Schema, field: string): Encode {
    const encode = this.of(items, field);
    return (out, value, depth) => {
      const map = object(value, field);
      const keys = Object.keys(map).map((key) => ({ key, bytes: utf8(key, field) }));
      keys.sort((a, b) => compare(a.bytes, b.bytes));
      if (keys.length > 0) out.long(keys.length);
      for (const { key, bytes } of keys) {
        out.bytes(bytes);
        encode(out, map[key], depth);
      }
      out.long(0);
    };
  }

  #union(schema: UnionSchema, field: string): Encode {
    const branches = schema.branches.map((branch) => this.of(branch, field));
    const none = schema.branches.findIndex((branch) => branch.kind === "null");
    const plain = optional(schema);
    const only = plain === undefined ? -1 : schema.branches.indexOf(plain);
    const names = schema.branches.map(branchName);
    return (out, value, depth) => {
      let i = none;
      let chosen = value;
      if (value === null) {
        if (none < 0) throw wrong(field, "a branch of the union", value);
      } else if (only >= 0) {
        i = only;
      } else {
        const keys = Object.keys(object(value, field));
        i = keys.length === 1 ? names.indexOf(keys[0]!) : -1;
        if (i < 0) throw new AvroError(`${field}: the value is no branch of the union; write { "${names.at(-1)}": … }`);
        chosen = (value as { readonly [branch: string]: unknown })[names[i]!];
      }
      out.long(i);
      branches[i]!(out, chosen, depth);
    };
  }
}

function primitive(kind: string, field: string): Encode {
  switch (kind) {
    case "null":
      return (_, value) => {
        if (value !== null) throw wrong(field, "null", value);
      };
    case "boolean":
      return (out, value) => {
        if (typeof value !== "boolean") throw wrong(field, "a boolean", value);
        out.boolean(value);
      };
    case "int":
    case "long":
      return (out, value) => out.long(integer(value, kind, field));
    case "float":
      return (out, value) => out.float(number(value, field));
    case "double":
      return (out, value) => out.double(number(value, field));
    case "bytes":
      return (out, value) => out.bytes(base64(value, field));
  }
  return (out, value) => out.bytes(utf8(text(value, field), field));
}

function logical(schema: Extract<Schema, { readonly logical?: unknown }>, field: string): Encode {
  const { logical, decimal } = schema;
  if (decimal !== undefined) return (out, value) => out.bytes(parseDecimal(text(value, field), decimal, field));
  if (logical === "uuid") {
    return (out, value) => {
      if (!isUUID(text(value, field))) throw new AvroError(`${field}: the text is no UUID`);
      out.bytes(utf8(value as string, field));
    };
  }
  return (out, value) => {
    // A number stands for a time beyond the years that can be written.
    const units = typeof value === "string" ? parseTime(logical!, value, field) : integer(value, schema.kind, field);
    out.long(integer(units, schema.kind, field));
  };
}

function enumeration(schema: EnumSchema, field: string): Encode {
  const index = new Map(schema.symbols.map((symbol, i) => [symbol, i]));
  return (out, value) => {
    const i = index.get(text(value, field));
    if (i === undefined) throw new AvroError(`${field}: the text is none of ${schema.symbols.join(", ")}`);
    out.long(i);
  };
}

function fixed(schema: FixedSchema, field: string): Encode {
  const { size, logical, decimal } = schema;
  return (out, value) => {
    if (logical === "duration") return out.raw(duration(value, field));
    if (logical === "uuid") {
      if (!isUUID(text(value, field))) throw new AvroError(`${field}: the text is no UUID`);
      return out.raw(Buffer.from((value as string).replaceAll("-", ""), "hex"));
    }
    if (decimal !== undefined) return out.raw(parseDecimal(text(value, field), decimal, field, size));
    const bytes = base64(value, field);
    if (bytes.length !== size) throw new AvroError(`${field}: the value has ${bytes.length} bytes, not ${size}`);
    out.raw(bytes);
  };
}

function duration(value: unknown, field: string): Uint8Array {
  const parts = object(value, field);
  const out = new DataView(new ArrayBuffer(12));
  for (const [i, name] of ["months", "days", "millis"].entries()) {
    const n = parts[name];
    if (typeof n !== "number" || !Number.isInteger(n) || n < 0 || n >= 2 ** 32) throw wrong(`${field}.${name}`, "a count of 32 bits", n);
    out.setUint32(4 * i, n, true);
  }
  return new Uint8Array(out.buffer);
}

function integer(value: unknown, kind: string, field: string): number | bigint {
  if (typeof value === "number" && Number.isSafeInteger(value)) {
    if (kind === "int" && value !== (value | 0)) throw new AvroError(`${field}: the number takes more than 32 bits`);
    return value;
  }
  if (typeof value === "bigint" && BigInt.asIntN(kind === "int" ? 32 : 64, value) === value) return value;
  throw wrong(field, kind === "int" ? "a whole number of 32 bits" : "a whole number that is exact (up to 2^53)", value);
}

function number(value: unknown, field: string): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  throw wrong(field, "a number", value);
}

function text(value: unknown, field: string): string {
  if (typeof value !== "string") throw wrong(field, "a text", value);
  return value;
}

const encoder = new TextEncoder();

function utf8(value: string, field: string): Uint8Array {
  if (!value.isWellFormed()) throw new AvroError(`${field}: the text holds half a character (a lone surrogate)`);
  return encoder.encode(value);
}

function base64(value: unknown, field: string): Uint8Array {
  const encoded = text(value, field);
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) throw new AvroError(`${field}: the text is not base64`);
  return bytes;
}

function object(value: unknown, field: string): { readonly [name: string]: unknown } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(field, "an object", value);
  return value as { readonly [name: string]: unknown };
}

function wrong(field: string, wanted: string, value: unknown): AvroError {
  const got = value === undefined ? "is missing" : `is not ${wanted}`;
  return new AvroError(`${field}: the value ${got}`);
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
