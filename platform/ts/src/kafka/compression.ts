import * as zlib from "node:zlib";
import kafkajs from "kafkajs";
import { unlz4 } from "./lz4.js";
import { CompressionError, maxUnpacked, unsnappy } from "./snappy.js";

/** Node has it from 22.15 on. */
const unzstd = (zlib as { zstdDecompressSync?: (data: Buffer, options: { maxOutputLength: number }) => Buffer }).zstdDecompressSync;

/**
 * Teaches kafkajs to unpack what other producers pack: franz-go, and with it the Go runtime, writes Snappy. It packs
 * nothing: an event is small.
 */
export function addCompression(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = () => reader(unsnappy);
  CompressionCodecs[CompressionTypes.LZ4] = () => reader(unlz4);
  CompressionCodecs[CompressionTypes.ZSTD] = () =>
    reader((data) => {
      if (unzstd === undefined) throw new CompressionError("zstd: Node reads it from 22.15 on; produce with snappy, or take a newer Node");
      return unzstd(data, { maxOutputLength: maxUnpacked });
    });
}

function reader(unpack: (data: Buffer) => Buffer): object {
  return {
    compress: () => Promise.reject(new CompressionError("this codec only unpacks")),
    decompress: (data: Buffer) => Promise.resolve(data).then(unpack),
  };
}
