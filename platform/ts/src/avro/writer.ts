/** Collects the bytes of one message. */
export class Writer {
  #data = new Uint8Array(256);
  #at = 0;

  /** The bytes so far; they are the caller's. */
  done(): Uint8Array {
    return this.#data.slice(0, this.#at);
  }

  boolean(value: boolean): void {
    this.#room(1)[this.#at++] = value ? 1 : 0;
  }

  long(value: number | bigint): void {
    if (typeof value === "number" && value >= -(2 ** 30) && value < 2 ** 30) {
      this.#short((value << 1) ^ (value >> 31));
      return;
    }
    const n = BigInt(value);
    let rest = BigInt.asUintN(64, (n << 1n) ^ (n >> 63n));
    const data = this.#room(10);
    while (rest >= 0x80n) {
      data[this.#at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    data[this.#at++] = Number(rest);
  }

  #short(zigzag: number): void {
    const data = this.#room(5);
    let rest = zigzag >>> 0;
    while (rest >= 0x80) {
      data[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    data[this.#at++] = rest;
  }

  float(value: number): void {
    this.#view(4).setFloat32(this.#at, value, true);
    this.#at += 4;
  }

  double(value: number): void {
    this.#view(8).setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** Writes bytes behind their length. */
  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.#room(value.length).set(value, this.#at);
    this.#at += value.length;
  }

  #view(n: number): DataView {
    const data = this.#room(n);
    return new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  #room(n: number): Uint8Array {
    if (this.#at + n > this.#data.length) {
      const more = new Uint8Array(Math.max(2 * this.#data.length, this.#at + n));
      more.set(this.#data);
      this.#data = more;
    }
    return this.#data;
  }
}
