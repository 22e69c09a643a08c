/**
 * Avro 1.12: bytes of a message to values and back. Values are what JSON has, in the form that realtime frames and people
 * see: times are RFC 3339 texts, decimals texts, bytes base64, a union of null and one type is null or the plain value, and
 * the branches of a larger union are told apart by an object with one property, the branch's name.
 *
 * A long is a number; one beyond 2^53, where numbers are not exact, is refused and never rounded.
 */
export { AvroError } from "./error.js";
export { parseSchema, type Schema } from "./schema.js";
export { maxDepth, maxEmptyItems } from "./reader.js";

import { decoderOf } from "./decode.js";
import { encoderOf } from "./encode.js";
import type { Schema } from "./schema.js";
import { branchName, parseSchema } from "./schema.js";

/** Encodes and decodes the values of one schema. It may be shared. */
export class Codec<T> {
  readonly schema: Schema;
  readonly #encode: (value: unknown) => Uint8Array;
  readonly #decoders = new Map<string, (data: Uint8Array) => unknown>();

  constructor(readonly text: string) {
    this.schema = parseSchema(text);
    this.#encode = encoderOf(this.schema, branchName(this.schema));
  }

  /** Returns the message of a value. Throws an AvroError for a value that does not fit the schema. */
  encode(value: T): Uint8Array {
    return this.#encode(value);
  }

  /**
   * Returns the value of a message that was written with the writer's schema, this one unless said. Throws an AvroError
   * for a message that is not what it should be, and for a writer's schema that cannot be read with this one.
   */
  decode(data: Uint8Array, writer: string = this.text): T {
    let decode = this.#decoders.get(writer);
    if (decode === undefined) {
      decode = decoderOf(writer === this.text ? this.schema : parseSchema(writer), this.schema, branchName(this.schema));
      if (this.#decoders.size >= 1000) this.#decoders.clear();
      this.#decoders.set(writer, decode);
    }
    return decode(data) as T;
  }
}

/** Returns the codec of an event type of @pulselearn/campus-hub, or of any schema that knows its payload's type. */
export function codecOf<T>(type: { readonly schema: string; readonly $payload?: T }): Codec<T> {
  return new Codec<T>(type.schema);
}
