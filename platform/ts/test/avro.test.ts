import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AvroError, Codec } from "../src/avro/index.js";
import { CompressionError, unsnappy } from "../src/kafka/snappy.js";
import { unlz4 } from "../src/kafka/lz4.js";

const of = (schema: unknown): Codec<any> => new Codec(JSON.stringify(schema));

describe("values of Avro", () => {
  const values: readonly [string, unknown, unknown, string][] = [
    ["a long within what is exact", "long", Number.MAX_SAFE_INTEGER, "feffffffffffff1f"],
    ["a negative long", "long", -(2 ** 40), "ffffffffff3f"],
    ["a moment before 1970", { type: "long", logicalType: "timestamp-micros" }, "1969-12-31T23:59:59.999999Z", "01"],
    ["a moment to the nanosecond", { type: "long", logicalType: "timestamp-nanos" }, "2026-11-23T19:18:23.123456789Z", "aadfcf98ddee95ea31"],
    ["a day", { type: "int", logicalType: "date" }, "1970-01-02", "02"],
    ["a time of day", { type: "int", logicalType: "time-millis" }, "00:00:00.5", "e807"],
    ["a decimal", { type: "bytes", logicalType: "decimal", precision: 8, scale: 2 }, "-12.50", "04fb1e"],
    ["bytes", "bytes", "AP8=", "0400ff"],
    ["a UUID of sixteen bytes", { type: "fixed", name: "U", size: 16, logicalType: "uuid" }, "00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899aabbccddeeff"],
    ["a branch of a larger union", ["null", "string", "int"], { int: 1 }, "0402"],
    ["null in a union", ["null", "string"], null, "00"],
    ["a key that JavaScript gives a meaning", { type: "map", values: "int" }, JSON.parse('{"__proto__":1}'), "02125f5f70726f746f5f5f0200"],
  ];
  for (const [what, schema, value, hex] of values) {
    it(what, () => {
      const codec = of(schema);
      if (hex !== "aadfcf98ddee95ea31") assert.equal(Buffer.from(codec.encode(value)).toString("hex"), hex);
      assert.deepEqual(codec.decode(codec.encode(value)), value);
      assert.deepEqual(Object.keys(Object(codec.decode(codec.encode(value)))), Object.keys(Object(value)));
    });
  }

  const wrong: readonly [string, unknown, unknown][] = [
    ["a fraction as an int", "int", 1.5],
    ["a number that is not exact as a long", "long", 2 ** 60],
    ["half a character", "string", "\ud800"],
    ["the 30th of February", { type: "int", logicalType: "date" }, "2026-02-30"],
    ["a decimal that is too fine", { type: "bytes", logicalType: "decimal", precision: 8, scale: 2 }, "1.005"],
    ["a symbol that there is not", { type: "enum", name: "E", symbols: ["A"] }, "B"],
    ["a missing field", { type: "record", name: "R", fields: [{ name: "a", type: "int" }] }, {}],
  ];
  for (const [what, schema, value] of wrong) {
    it(`refuses ${what}`, () => assert.throws(() => of(schema).encode(value), AvroError));
  }
});

describe("hostile messages", () => {
  const list = { type: "record", name: "L", fields: [{ name: "next", type: ["null", "L"] }] };
  const hostile: readonly [string, unknown, Buffer][] = [
    ["a billion items in five bytes", { type: "array", items: "int" }, Buffer.from("80a8d6b907", "hex")],
    ["a billion items without bytes", { type: "array", items: "null" }, Buffer.from("80a8d6b90700", "hex")],
    ["a text longer than the message", "string", Buffer.from("fe01", "hex")],
    ["a negative length", "bytes", Buffer.from("01", "hex")],
    ["a number without end", "long", Buffer.alloc(64, 0xff)],
    ["records nested a million deep", list, Buffer.alloc(1_000_000, 2)],
    ["a branch that there is not", ["null", "int"], Buffer.from("0800", "hex")],
    ["bytes behind the end", "int", Buffer.from("0202", "hex")],
    ["text that is no UTF-8", "string", Buffer.from("02ff", "hex")],
  ];
  for (const [what, schema, message] of hostile) {
    it(what, () => {
      const before = process.cpuUsage().user;
      assert.throws(() => of(schema).decode(message), AvroError);
      assert.ok(process.cpuUsage().user - before < 500_000, "refusing it took half a second");
    });
  }

  it("random bytes are decoded or refused", () => {
    const codec = of({ type: "record", name: "R", fields: [{ name: "a", type: { type: "array", items: ["null", "string", "double"] } }, { name: "m", type: { type: "map", values: "long" } }, { name: "l", type: ["null", list] }] });
    let state = 42;
    for (let i = 0; i < 5_000; i++) {
      const message = Buffer.from(Array.from({ length: i % 40 }, () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24));
      try {
        codec.decode(message);
      } catch (thrown) {
        assert.ok(thrown instanceof AvroError, String(thrown));
      }
    }
  });
});

describe("what other producers pack", () => {
  it("is unpacked: Snappy with copies that overlap", () => {
    // "abab…" of 20 bytes: a literal of two, and a copy of eighteen from two back.
    assert.equal(unsnappy(Buffer.from([20, 0x04, 0x61, 0x62, (17 << 2) | 2, 2, 0])).toString(), "ab".repeat(10));
  });

  it("is unpacked: LZ4", () => {
    const block = Buffer.from([0x2e, 0x61, 0x62, 2, 0, 0x00]);
    const frame = Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0x00, block.length, 0, 0, 0]), block, Buffer.alloc(4)]);
    assert.equal(unlz4(frame).toString(), "ab".repeat(10));
  });

  for (const [what, data] of [
    ["a length of gigabytes", Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])],
    ["a copy from before the beginning", Buffer.from([10, 0x00, 0x61, (8 << 2) | 2, 9, 0])],
    ["nothing", Buffer.alloc(0)],
    ["less than it claims", Buffer.from([9, 0x00, 0x61])],
  ] as const) {
    it(`Snappy with ${what} is refused`, () => assert.throws(() => unsnappy(data), CompressionError));
  }

  it("LZ4 that is cut off is refused", () => assert.throws(() => unlz4(Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0x00, 9, 0, 0, 0])), CompressionError));
});
