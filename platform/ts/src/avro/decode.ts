import { AvroError } from "./error.js";
import { decimalText, timeText } from "./logical.js";
import { Reader } from "./reader.js";
import type { Field, Logical, RecordSchema, Schema, UnionSchema } from "./schema.js";
import { branchName, optional } from "./schema.js";

type Decode = (from: Reader) => unknown;

/** Returns what decodes messages of the writer's schema into values of the reader's, by Avro's rules of resolution. */
export function decoderOf(writer: Schema, reader: Schema, name: string): (data: Uint8Array) => unknown {
  const decode = new Decoders().of(writer, reader, name);
  return (data) => {
    const from = new Reader(data);
    const value = decode(from);
    from.finish();
    return value;
  };
}

/** What a writer's number can be read as. */
const promotions: { readonly [kind: string]: readonly string[] } = {
  int: ["int", "long", "float", "double"],
  long: ["long", "float", "double"],
  float: ["float", "double"],
  string: ["string", "bytes"],
  bytes: ["bytes", "string"],
};

class Decoders {
  readonly #records = new Map<Schema, Map<Schema, Decode>>();
  readonly #skips = new Map<Schema, Decode>();

  of(writer: Schema, reader: Schema, field: string): Decode {
    if (writer.kind === "union") return this.#chosen(writer, reader, field);
    if (reader.kind === "union") return this.#into(writer, reader, field);
    if (writer.kind === "record" && reader.kind === "record" && sameName(writer, reader)) return this.#record(writer, reader);
    if (writer.kind === "array" && reader.kind === "array") return this.#array(writer.items, reader.items, field);
    if (writer.kind === "map" && reader.kind === "map") return this.#map(writer.items, reader.items, field);
    if (writer.kind === "enum" && reader.kind === "enum" && sameName(writer, reader)) {
      return enumeration(writer.symbols, reader.symbols, reader.default, field);
    }
    if (writer.kind === "fixed" && reader.kind === "fixed" && sameName(writer, reader) && writer.size === reader.size) {
      return (from) => bytesValue(from.take(field, reader.size), reader);
    }
    if (promotions[writer.kind]?.includes(reader.kind) || (writer.kind === reader.kind && isPlain(writer.kind))) {
      return scalar(writer.kind, reader, field);
    }
    throw new AvroError(`${field}: ${branchName(writer)} cannot be read as ${branchName(reader)}`);
  }

  /** The writer's branch decides; one that cannot be read matters when it occurs. */
  #chosen(writer: UnionSchema, reader: Schema, field: string): Decode {
    const branches = writer.branches.map((branch) => this.#orFail(() => this.of(branch, reader, field)));
    return (from) => branches[from.index(field, branches.length)]!(from);
  }

  #orFail(compile: () => Decode): Decode {
    try {
      return compile();
    } catch (thrown) {
      return () => {
        throw thrown;
      };
    }
  }

  #into(writer: Schema, reader: UnionSchema, field: string): Decode {
    const branch = this.#branch(writer, reader);
    if (branch === undefined) throw new AvroError(`${field}: no branch of the union can hold ${branchName(writer)}`);
    const decode = this.of(writer, branch, field);
    if (branch.kind === "null" || optional(reader) === branch) return decode;
    const name = branchName(branch);
    return (from) => ({ [name]: decode(from) });
  }

  /** The branch of the same type, or else the first that the writer's type can be read as. */
  #branch(writer: Schema, reader: UnionSchema): Schema | undefined {
    const same = reader.branches.find((b) => b.kind === writer.kind && branchName(b) === branchName(writer));
    return same ?? reader.branches.find((b) => this.#fits(writer, b));
  }

  #fits(writer: Schema, reader: Schema): boolean {
    try {
      this.of(writer, reader, "");
      return true;
    } catch {
      return false;
    }
  }

  #record(writer: RecordSchema, reader: RecordSchema): Decode {
    let readers = this.#records.get(writer);
    if (readers === undefined) this.#records.set(writer, (readers = new Map()));
    const known = readers.get(reader);
    if (known !== undefined) return known;
    let steps: readonly Step[] = [];
    const decode: Decode = (from) => {
      from.enter(reader.name);
      const record: { [name: string]: unknown } = {};
      for (const { name, decode } of steps) {
        const value = decode(from);
        if (name !== undefined) put(record, name, value);
      }
      from.leave();
      return record;
    };
    readers.set(reader, decode);
    try {
      steps = this.#steps(writer, reader);
    } catch (thrown) {
      readers.delete(reader);
      throw thrown;
    }
    return decode;
  }

  /** The fields as the writer has them, then those that only the reader has. */
  #steps(writer: RecordSchema, reader: RecordSchema): readonly Step[] {
    const left = new Set(reader.fields);
    const steps: Step[] = writer.fields.map((w) => {
      const path = `${reader.name}.${w.name}`;
      const r = fieldFor(w, reader);
      if (r === undefined || !left.delete(r)) return { name: undefined, decode: this.#skip(w.type, path) };
      return { name: r.name, decode: this.of(w.type, r.type, `${reader.name}.${r.name}`) };
    });
    for (const r of left) {
      if (!("default" in r)) throw new AvroError(`${reader.name}.${r.name}: the writer has no such field, and it has no default`);
      steps.push({ name: r.name, decode: () => defaultOf(r.type, r.default) });
    }
    return steps;
  }

  #array(writer: Schema, reader: Schema, field: string): Decode {
    const decode = this.of(writer, reader, field);
    const least = minimum(writer);
    return (from) => {
      const items: unknown[] = [];
      for (let n = from.block(field, least); n > 0; n = from.block(field, least)) {
        for (; n > 0; n--) items.push(decode(from));
      }
      return items;
    };
  }

  #map(writer: Schema, reader: Schema, field: string): Decode {
    const decode = this.of(writer, reader, field);
    const least = 1 + minimum(writer);
    return (from) => {
      const map: { [key: string]: unknown } = {};
      for (let n = from.block(field, least); n > 0; n = from.block(field, least)) {
        for (; n > 0; n--) {
          const key = from.string(field);
          put(map, key, decode(from));
        }
      }
      return map;
    };
  }

  /** Reads what the reader does not want, without making values of it. */
  #skip(schema: Schema, field: string): Decode {
    switch (schema.kind) {
      case "record":
        return this.#skipRecord(schema);
      case "array":
      case "map": {
        const skip = this.#skip(schema.items, field);
        const isMap = schema.kind === "map";
        const least = minimum(schema.items) + (isMap ? 1 : 0);
        return (from) => {
          for (let n = from.block(field, least); n > 0; n = from.block(field, least)) {
            for (; n > 0; n--) {
              if (isMap) from.bytes(field);
              skip(from);
            }
          }
        };
      }
      case "union": {
        const branches = schema.branches.map((branch) => this.#skip(branch, field));
        return (from) => branches[from.index(field, branches.length)]!(from);
      }
      case "enum":
        return (from) => from.index(field, schema.symbols.length);
      case "fixed":
        return (from) => from.take(field, schema.size);
      case "string":
      case "bytes":
        return (from) => from.bytes(field);
      case "long":
        return (from) => from.long(field);
    }
    return scalar(schema.kind, { kind: schema.kind }, field);
  }

  #skipRecord(schema: RecordSchema): Decode {
    const known = this.#skips.get(schema);
    if (known !== undefined) return known;
    const fields: Decode[] = [];
    const skip: Decode = (from) => {
      from.enter(schema.name);
      for (const field of fields) field(from);
      from.leave();
    };
    this.#skips.set(schema, skip);
    for (const f of schema.fields) fields.push(this.#skip(f.type, `${schema.name}.${f.name}`));
    return skip;
  }
}

interface Step {
  /** The reader's field, or undefined for one that it lacks. */
  readonly name: string | undefined;
  readonly decode: Decode;
}

/** Sets a property, also one that JavaScript gives a meaning of its own. */
function put(object: { [name: string]: unknown }, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[name] = value;
  }
}

function isPlain(kind: string): boolean {
  return kind === "null" || kind === "boolean" || kind === "double";
}

function sameName(writer: { readonly name: string }, reader: { readonly name: string; readonly aliases: readonly string[] }): boolean {
  const short = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
  return short(writer.name) === short(reader.name) || reader.aliases.includes(writer.name);
}

function fieldFor(writer: Field, reader: RecordSchema): Field | undefined {
  return reader.fields.find((f) => f.name === writer.name) ?? reader.fields.find((f) => f.aliases.includes(writer.name));
}

/** How many bytes a value takes at least. A record within itself counts as nothing. */
function minimum(schema: Schema, inside: readonly Schema[] = []): number {
  switch (schema.kind) {
    case "null":
      return 0;
    case "float":
      return 4;
    case "double":
      return 8;
    case "fixed":
      return schema.size;
    case "record":
      if (inside.includes(schema)) return 0;
      return schema.fields.reduce((sum, f) => sum + minimum(f.type, [...inside, schema]), 0);
  }
  return 1;
}

function enumeration(written: readonly string[], read: readonly string[], other: string | undefined, field: string): Decode {
  const symbols = written.map((symbol) => (read.includes(symbol) ? symbol : other));
  return (from) => {
    const symbol = symbols[from.index(field, symbols.length)];
    if (symbol === undefined) throw new AvroError(`${field}: the symbol is unknown here, and the enum has no default`);
    return symbol;
  };
}

function scalar(written: string, reader: Schema, field: string): Decode {
  const raw = rawOf(written, field);
  const logical = "logical" in reader ? reader.logical : undefined;
  switch (reader.kind) {
    case "int":
    case "long":
      if (logical !== undefined) return (from) => timeText(logical, raw(from) as number | bigint);
      return (from) => exact(raw(from) as number | bigint, field);
    case "float":
      return (from) => Math.fround(Number(raw(from)));
    case "double":
      return (from) => Number(raw(from));
    case "string":
      return (from) => checked(from.string(field), logical, field);
    case "bytes":
      return (from) => bytesValue(from.bytes(field), reader);
  }
  return raw;
}

function rawOf(written: string, field: string): Decode {
  switch (written) {
    case "boolean":
      return (from) => from.boolean(field);
    case "int":
      return (from) => from.int(field);
    case "long":
      return (from) => from.long(field);
    case "float":
      return (from) => from.float(field);
    case "double":
      return (from) => from.double(field);
  }
  return () => null;
}

function exact(value: number | bigint, field: string): number {
  if (typeof value === "bigint") throw new AvroError(`${field}: the number is beyond 2^53, where JavaScript's are not exact`);
  return value;
}

function checked(value: string, logical: Logical | undefined, field: string): string {
  if (logical === "uuid" && !/^[0-9a-f-]{36}$/i.test(value)) throw new AvroError(`${field}: the text is no UUID`);
  return value;
}

function bytesValue(bytes: Uint8Array, schema: Schema): unknown {
  const { logical, decimal } = schema as { readonly logical?: Logical; readonly decimal?: { precision: number; scale: number } };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (decimal !== undefined && bytes.length <= 1024) return decimalText(bytes, decimal);
  if (logical === "duration") {
    return { months: buffer.readUInt32LE(0), days: buffer.readUInt32LE(4), millis: buffer.readUInt32LE(8) };
  }
  if (logical === "uuid") {
    return buffer.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
  return buffer.toString("base64");
}

/** A field's default as a new value. Bytes are written as the code points of a text, and unions as their first branch. */
function defaultOf(schema: Schema, json: unknown): unknown {
  switch (schema.kind) {
    case "record": {
      const record: { [name: string]: unknown } = {};
      const given = json as { readonly [name: string]: unknown };
      for (const f of schema.fields) put(record, f.name, defaultOf(f.type, Object.hasOwn(given, f.name) ? given[f.name] : f.default));
      return record;
    }
    case "array":
      return (json as readonly unknown[]).map((item) => defaultOf(schema.items, item));
    case "map": {
      const map: { [key: string]: unknown } = {};
      for (const [key, value] of Object.entries(json as object)) put(map, key, defaultOf(schema.items, value));
      return map;
    }
    case "union": {
      const first = schema.branches[0]!;
      const value = defaultOf(first, json);
      return first.kind === "null" || optional(schema) === first ? value : { [branchName(first)]: value };
    }
    case "fixed":
    case "bytes":
      return bytesValue(Buffer.from(json as string, "latin1"), schema);
    case "int":
    case "long":
      return schema.logical === undefined ? json : timeText(schema.logical, json as number);
    case "float":
    case "double":
      return Number(json);
  }
  return json;
}
