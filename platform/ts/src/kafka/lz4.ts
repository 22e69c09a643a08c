import { CompressionError, maxUnpacked, repeat } from "./snappy.js";

/** Unpacks the frames of LZ4. Checksums are left to Kafka, which has one over the batch. */
export function unlz4(data: Buffer): Buffer {
  if (data.length < 7 || data.readUInt32LE(0) !== 0x184d2204) throw new CompressionError("lz4: the magic number is missing");
  const flags = data[4]!;
  if (flags >> 6 !== 1) throw new CompressionError("lz4: the frame has an unknown version");
  const checked = (flags & 0x10) !== 0;
  let at = 7 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0);
  const out = new Output();
  while (at + 4 <= data.length) {
    const word = data.readUInt32LE(at);
    at += 4;
    if (word === 0) return out.done();
    const length = word & 0x7fffffff;
    if (length > data.length - at) break;
    const block = data.subarray(at, at + length);
    if (word >>> 31 === 1) out.literal(block);
    else unblock(block, out);
    at += length + (checked ? 4 : 0);
  }
  throw new CompressionError("lz4: the frame is truncated");
}

function unblock(block: Buffer, out: Output): void {
  let at = 0;
  const more = (nibble: number): number => {
    let length = nibble;
    for (let b = nibble === 15 ? 255 : 0; b === 255; length += b) {
      if (at >= block.length) throw new CompressionError("lz4: a block is truncated");
      b = block[at++]!;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = more(token >> 4);
    if (literals > block.length - at) throw new CompressionError("lz4: a literal is truncated");
    out.literal(block.subarray(at, at + literals));
    at += literals;
    if (at === block.length) return;
    if (block.length - at < 2) throw new CompressionError("lz4: a block is truncated");
    const back = block.readUInt16LE(at);
    at += 2;
    out.copy(back, more(token & 15) + 4);
  }
}

/** Grows with what is unpacked, and not beyond the limit. */
class Output {
  #data = Buffer.allocUnsafe(64 << 10);
  #end = 0;

  literal(bytes: Buffer): void {
    this.#room(bytes.length);
    bytes.copy(this.#data, this.#end);
    this.#end += bytes.length;
  }

  copy(back: number, length: number): void {
    this.#room(length);
    repeat(this.#data, this.#end, back, length, length);
    this.#end += length;
  }

  done(): Buffer {
    return this.#data.subarray(0, this.#end);
  }

  #room(n: number): void {
    if (this.#end + n > maxUnpacked) throw new CompressionError(`lz4: more than ${maxUnpacked} bytes`);
    if (this.#end + n <= this.#data.length) return;
    const more = Buffer.allocUnsafe(Math.max(2 * this.#data.length, this.#end + n));
    this.#data.copy(more, 0, 0, this.#end);
    this.#data = more;
  }
}
