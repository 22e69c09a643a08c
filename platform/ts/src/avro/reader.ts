import { AvroError } from "./error.js";

/** Records that contain themselves nest at most this deep. */
export const maxDepth = 256;
/** Items that take no bytes are at most this many in a message. */
export const maxEmptyItems = 65_536;

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the values of one message in order. Nothing that a message announces is believed: counts and lengths are checked
 * against the bytes that are left, so that a hostile message costs no more than its size.
 */
export class Reader {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #depth = 0;
  #empty = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get left(): number {
    return this.#data.length - this.#at;
  }

  /** Refuses bytes behind the end of the message. */
  finish(): void {
    if (this.left > 0) throw new AvroError("bytes follow the end of the message");
  }

  enter(record: string): void {
    if (++this.#depth > maxDepth) throw new AvroError(`${record}: the message is nested more than ${maxDepth} deep`);
  }

  leave(): void {
    this.#depth--;
  }

  boolean(field: string): boolean {
    const b = this.take(field, 1)[0]!;
    if (b > 1) throw new AvroError(`${field}: a boolean is neither 0 nor 1`);
    return b === 1;
  }

  /** Reads a long: a number where it is exact, and a bigint beyond. */
  long(field: string): number | bigint {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 7; i++) {
      const b = this.#byte(field);
      value += (b & 0x7f) * factor;
      if (b < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    return this.#longest(field, BigInt(value));
  }

  /** The last three bytes of a number of up to 64 bits. */
  #longest(field: string, low: bigint): number | bigint {
    let value = low;
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const b = this.#byte(field);
      if (shift === 63n && b > 1) throw new AvroError(`${field}: a number takes more than 64 bits`);
      value |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) {
        const signed = value & 1n ? -(value >> 1n) - 1n : value >> 1n;
        const small = Number(signed);
        return Number.isSafeInteger(small) ? small : signed;
      }
    }
    throw new AvroError(`${field}: a number takes more than 64 bits`);
  }

  int(field: string): number {
    const value = this.long(field);
    if (typeof value === "bigint" || value !== (value | 0)) throw new AvroError(`${field}: a number takes more than 32 bits`);
    return value;
  }

  float(field: string): number {
    this.#need(field, 4);
    const value = this.#view.getFloat32(this.#at, true);
    this.#at += 4;
    return value;
  }

  double(field: string): number {
    this.#need(field, 8);
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  /** Reads bytes behind their length. They share the message's memory. */
  bytes(field: string): Uint8Array {
    return this.take(field, this.#count(field));
  }

  string(field: string): string {
    try {
      return text.decode(this.bytes(field));
    } catch (thrown) {
      if (thrown instanceof AvroError) throw thrown;
      throw new AvroError(`${field}: a text is not UTF-8`);
    }
  }

  take(field: string, n: number): Uint8Array {
    this.#need(field, n);
    const bytes = this.#data.subarray(this.#at, this.#at + n);
    this.#at += n;
    return bytes;
  }

  index(field: string, count: number): number {
    const i = this.int(field);
    if (i < 0 || i >= count) throw new AvroError(`${field}: an index is out of range`);
    return i;
  }

  /**
   * Reads the head of the next block of an array or map: how many items follow, 0 at the end. `least` is how many bytes an
   * item takes at least.
   */
  block(field: string, least: number): number {
    let n = this.#small(field);
    if (n < 0) {
      n = -n;
      if (this.#count(field) > this.left) this.#truncated(field);
    }
    if (least === 0) {
      this.#empty += n;
      if (this.#empty > maxEmptyItems) throw new AvroError(`${field}: more than ${maxEmptyItems} items take no bytes`);
    } else if (n > this.left / least) {
      this.#truncated(field);
    }
    return n;
  }

  #count(field: string): number {
    const n = this.#small(field);
    if (n < 0) throw new AvroError(`${field}: a length is negative`);
    return n;
  }

  #small(field: string): number {
    const n = this.long(field);
    if (typeof n === "bigint") return this.#truncated(field);
    return n;
  }

  #byte(field: string): number {
    this.#need(field, 1);
    return this.#data[this.#at++]!;
  }

  #need(field: string, n: number): void {
    if (n > this.left) this.#truncated(field);
  }

  #truncated(field: string): never {
    throw new AvroError(`${field}: the message is truncated`);
  }
}
