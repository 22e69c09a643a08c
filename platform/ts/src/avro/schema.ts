import { AvroError } from "./error.js";

/** A type of Avro 1.12, with names resolved. Recursive records refer to themselves. */
export type Schema =
  | { readonly kind: Primitive; readonly logical?: Logical; readonly decimal?: Decimal }
  | RecordSchema
  | EnumSchema
  | FixedSchema
  | { readonly kind: "array" | "map"; readonly items: Schema }
  | UnionSchema;

export type Primitive = "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string";

/** The logical types that have a form of their own; others are their underlying type. */
export type Logical =
  | "date"
  | "time-millis"
  | "time-micros"
  | "timestamp-millis"
  | "timestamp-micros"
  | "timestamp-nanos"
  | "local-timestamp-millis"
  | "local-timestamp-micros"
  | "local-timestamp-nanos"
  | "decimal"
  | "uuid"
  | "duration";

export interface Decimal {
  readonly precision: number;
  readonly scale: number;
}

interface Named {
  readonly name: string;
  /** Full names by which older schemas know the type. */
  readonly aliases: readonly string[];
}

export interface RecordSchema extends Named {
  readonly kind: "record";
  readonly fields: readonly Field[];
}

export interface Field {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly type: Schema;
  /** The default as the schema's JSON has it; undefined when there is none. */
  readonly default?: unknown;
}

export interface EnumSchema extends Named {
  readonly kind: "enum";
  readonly symbols: readonly string[];
  readonly default?: string;
}

export interface FixedSchema extends Named {
  readonly kind: "fixed";
  readonly size: number;
  readonly logical?: Logical;
  readonly decimal?: Decimal;
}

export interface UnionSchema {
  readonly kind: "union";
  readonly branches: readonly Schema[];
}

const primitives: ReadonlySet<unknown> = new Set<Primitive>([
  "null",
  "boolean",
  "int",
  "long",
  "float",
  "double",
  "bytes",
  "string",
]);

/** Which underlying types a logical type may have. */
const underlying: { readonly [logical in Logical]: readonly string[] } = {
  date: ["int"],
  "time-millis": ["int"],
  "time-micros": ["long"],
  "timestamp-millis": ["long"],
  "timestamp-micros": ["long"],
  "timestamp-nanos": ["long"],
  "local-timestamp-millis": ["long"],
  "local-timestamp-micros": ["long"],
  "local-timestamp-nanos": ["long"],
  decimal: ["bytes", "fixed"],
  uuid: ["string", "fixed"],
  duration: ["fixed"],
};

type Json = { readonly [name: string]: unknown };

/** How deep a schema's text may be nested. */
const maxNesting = 100;

/** Reads a schema's text. Throws an AvroError that says what is wrong with it. */
export function parseSchema(text: string): Schema {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new AvroError("the schema is not JSON");
  }
  return new Parser().type(json, "", 0);
}

class Parser {
  readonly #names = new Map<string, Schema>();

  type(json: unknown, namespace: string, depth: number): Schema {
    if (depth > maxNesting) throw new AvroError(`the schema is nested more than ${maxNesting} deep`);
    if (typeof json === "string") return this.#reference(json, namespace);
    if (Array.isArray(json)) return this.#union(json, namespace, depth);
    if (typeof json !== "object" || json === null) throw new AvroError("a type of the schema is neither text, array nor object");
    return this.#definition(json as Json, namespace, depth);
  }

  #reference(name: string, namespace: string): Schema {
    if (primitives.has(name)) return { kind: name as Primitive };
    const found = this.#names.get(fullName(name, namespace)) ?? this.#names.get(name);
    if (found === undefined) throw new AvroError(`the schema uses ${name}, which it does not define`);
    return found;
  }

  #union(json: readonly unknown[], namespace: string, depth: number): Schema {
    const branches = json.map((branch) => this.type(branch, namespace, depth + 1));
    const names = branches.map(branchName);
    if (branches.some((b) => b.kind === "union") || new Set(names).size !== names.length) {
      throw new AvroError("a union holds a union, or the same type twice");
    }
    return { kind: "union", branches };
  }

  #definition(json: Json, namespace: string, depth: number): Schema {
    const type = json["type"];
    switch (type) {
      case "record":
      case "error":
        return this.#record(json, namespace, depth);
      case "enum":
        return this.#enum(json, namespace);
      case "fixed":
        return this.#fixed(json, namespace);
      case "array":
        return { kind: "array", items: this.type(json["items"], namespace, depth + 1) };
      case "map":
        return { kind: "map", items: this.type(json["values"], namespace, depth + 1) };
    }
    if (primitives.has(type)) return { kind: type as Primitive, ...logicalOf(json, type as string) };
    return this.type(type, namespace, depth + 1);
  }

  #define<S extends Schema & Named>(schema: S): S {
    if (this.#names.has(schema.name)) throw new AvroError(`the schema defines ${schema.name} twice`);
    this.#names.set(schema.name, schema);
    return schema;
  }

  #record(json: Json, enclosing: string, depth: number): Schema {
    const { name, namespace, aliases } = named(json, enclosing);
    const fields: Field[] = [];
    const record = this.#define({ kind: "record", name, aliases, fields });
    const list = json["fields"];
    if (!Array.isArray(list)) throw new AvroError(`record ${name} has no list of fields`);
    for (const field of list as readonly Json[]) {
      const fieldName = field["name"];
      if (typeof fieldName !== "string") throw new AvroError(`a field of ${name} has no name`);
      if (fields.some((f) => f.name === fieldName)) throw new AvroError(`record ${name} has two fields ${fieldName}`);
      fields.push({
        name: fieldName,
        aliases: texts(field["aliases"]),
        type: this.type(field["type"], namespace, depth + 1),
        ...("default" in field && { default: field["default"] }),
      });
    }
    return record;
  }

  #enum(json: Json, enclosing: string): Schema {
    const { name, aliases } = named(json, enclosing);
    const byDefault = json["default"];
    return this.#define({
      kind: "enum",
      name,
      aliases,
      symbols: texts(json["symbols"]),
      ...(typeof byDefault === "string" && { default: byDefault }),
    });
  }

  #fixed(json: Json, enclosing: string): Schema {
    const { name, aliases } = named(json, enclosing);
    const size = json["size"];
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) throw new AvroError(`fixed ${name} has no size`);
    return this.#define({ kind: "fixed", name, aliases, size, ...logicalOf(json, "fixed", size) });
  }
}

function named(json: Json, enclosing: string): { name: string; namespace: string; aliases: readonly string[] } {
  const own = json["name"];
  if (typeof own !== "string" || own === "") throw new AvroError("a record, enum or fixed type of the schema has no name");
  const given = json["namespace"];
  const name = fullName(own, typeof given === "string" ? given : enclosing);
  const namespace = name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : "";
  return { name, namespace, aliases: texts(json["aliases"]).map((alias) => fullName(alias, namespace)) };
}

function fullName(name: string, namespace: string): string {
  return name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;
}

function texts(json: unknown): readonly string[] {
  return Array.isArray(json) ? json.filter((x) => typeof x === "string") : [];
}

/** A logical type that is unknown or does not fit is left out, as Avro says. */
function logicalOf(json: Json, kind: string, size = 0): { logical?: Logical; decimal?: Decimal } {
  const name = json["logicalType"];
  if (typeof name !== "string" || !Object.hasOwn(underlying, name)) return {};
  const logical = name as Logical;
  if (!underlying[logical].includes(kind)) return {};
  if (kind === "fixed" && ((logical === "uuid" && size !== 16) || (logical === "duration" && size !== 12))) return {};
  if (logical !== "decimal") return { logical };
  const precision = json["precision"];
  const scale = json["scale"] ?? 0;
  if (!isCount(precision) || precision === 0 || !isCount(scale) || scale > precision || precision > 1024) return {};
  return { logical, decimal: { precision, scale } };
}

function isCount(json: unknown): json is number {
  return typeof json === "number" && Number.isSafeInteger(json) && json >= 0;
}

/** The name by which a branch of a union is told from the others. */
export function branchName(schema: Schema): string {
  return "name" in schema ? schema.name : schema.kind;
}

/** The branch beside null in a union of two, or undefined when the union is another. */
export function optional(schema: UnionSchema): Schema | undefined {
  const [a, b] = schema.branches;
  if (schema.branches.length !== 2 || (a!.kind === "null") === (b!.kind === "null")) return undefined;
  return a!.kind === "null" ? b : a;
}
