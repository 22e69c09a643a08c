/** What is compressed is not what it claims to be. */
export class CompressionError extends Error {
  override readonly name = "CompressionError";
}

/** The most bytes that one batch may have when it is unpacked. Brokers take a megabyte a batch unless told otherwise. */
export const maxUnpacked = 64 << 20;

/** How snappy-java frames its blocks. */
const xerial = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

/** Unpacks Snappy: one raw block, or the frames of snappy-java. */
export function unsnappy(data: Buffer): Buffer {
  if (!data.subarray(0, xerial.length).equals(xerial)) return block(data);
  const blocks: Buffer[] = [];
  let size = 0;
  for (let at = 16; at < data.length; ) {
    if (data.length - at < 4) throw new CompressionError("snappy: a frame is truncated");
    const length = data.readInt32BE(at);
    at += 4;
    if (length < 0 || length > data.length - at) throw new CompressionError("snappy: a frame is truncated");
    const unpacked = block(data.subarray(at, at + length));
    if ((size += unpacked.length) > maxUnpacked) throw new CompressionError(`snappy: more than ${maxUnpacked} bytes`);
    blocks.push(unpacked);
    at += length;
  }
  return Buffer.concat(blocks);
}

/** Unpacks one block: its length, then literals and copies of what came before. */
function block(data: Buffer): Buffer {
  let { value: left, next: at } = lengthOf(data);
  if (left > maxUnpacked || left > data.length * 64) throw new CompressionError("snappy: a block claims to be too large");
  const out = Buffer.allocUnsafe(left);
  let end = 0;
  while (at < data.length) {
    const tag = data[at++]!;
    let length: number;
    let back = 0;
    if ((tag & 3) === 0) {
      length = (tag >> 2) + 1;
      if (length > 60) {
        const bytes = length - 60;
        length = little(data, at, bytes) + 1;
        at += bytes;
      }
      if (length > data.length - at || length > left) throw new CompressionError("snappy: a literal is truncated");
      data.copy(out, end, at, at + length);
      at += length;
    } else {
      const bytes = (tag & 3) === 3 ? 4 : tag & 3;
      length = (tag & 3) === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
      back = little(data, at, bytes) + ((tag & 3) === 1 ? (tag >> 5) << 8 : 0);
      at += bytes;
      repeat(out, end, back, length, left);
    }
    end += length;
    left -= length;
  }
  if (left !== 0) throw new CompressionError("snappy: a block is shorter than it claims");
  return out;
}

/** Copies what came before, which may overlap with what it makes. */
export function repeat(out: Buffer, end: number, back: number, length: number, left: number): void {
  if (back < 1 || back > end || length > left) throw new CompressionError("a copy reaches beyond what was unpacked");
  if (back >= length) {
    out.copyWithin(end, end - back, end - back + length);
    return;
  }
  for (let i = 0; i < length; i++) out[end + i] = out[end + i - back]!;
}

function lengthOf(data: Buffer): { value: number; next: number } {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const b = data[i];
    if (b === undefined) break;
    value += (b & 0x7f) * 2 ** (7 * i);
    if (b < 0x80) return { value, next: i + 1 };
  }
  throw new CompressionError("snappy: the length is malformed");
}

function little(data: Buffer, at: number, bytes: number): number {
  if (bytes > data.length - at) throw new CompressionError("snappy: the block is truncated");
  return data.readUIntLE(at, bytes);
}
