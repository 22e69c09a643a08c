import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Codec } from "../src/avro/index.js";
import { type Binding, type Envelope, headersOf, modeOf, parse, percentDecode, percentEncode } from "../src/event/index.js";
import { murmur2 } from "../src/murmur2.js";
import { parseFrame } from "../src/wire.js";

type Case = { readonly id: string; readonly name?: string; readonly [property: string]: any };

/** The vectors that the Go packages have too. */
function cases(file: string): readonly Case[] {
  const at = new URL(`../../test/vectors/${file}.json`, import.meta.url);
  const list = (JSON.parse(readFileSync(at, "utf8")) as { readonly cases: readonly Case[] }).cases;
  assert.ok(list.length > 0, `${file} holds no cases`);
  return list;
}

const bytes = (c: Case): Buffer => (c["value_hex"] !== undefined ? Buffer.from(c["value_hex"], "hex") : Buffer.from(c["value_utf8"]));

const flat = ({ extensions, ...core }: Envelope): object => ({ specversion: "1.0", ...core, ...extensions });

function withHeaders(list: readonly (readonly [string, string])[] = []): { key: string; value: Buffer }[] {
  return list.map(([key, value]) => ({ key, value: value.startsWith("hex:") ? Buffer.from(value.slice(4), "hex") : Buffer.from(value) }));
}

for (const binding of ["kafka", "nats"] as const satisfies readonly Binding[]) {
  describe(`CloudEvents on ${binding}`, () => {
    for (const c of cases(binding)) {
      it(`${c.id} ${c.name}`, () => {
        const read = (): ReturnType<typeof parse> => parse(binding, withHeaders(c["headers"]), bytes(c));
        if (c["expect"].error !== undefined) {
          assert.throws(read, { name: "CloudEventError" });
          return;
        }
        const { envelope, data } = read();
        assert.deepEqual(flat(envelope), Object.fromEntries(Object.entries(c["expect"].attributes).map(([k, v]) => [k, String(v)])));
        if (c["expect"].data_utf8 !== undefined) assert.equal(Buffer.from(data!).toString(), c["expect"].data_utf8);
        if (c["expect"].data_hex !== undefined) assert.equal(Buffer.from(data!).toString("hex"), c["expect"].data_hex);
        if (c["expect"].data_json !== undefined) assert.deepEqual(JSON.parse(Buffer.from(data!).toString()), c["expect"].data_json);
      });
    }
  });
}

describe("CloudEvents in JSON", () => {
  for (const c of cases("json")) {
    it(`${c.id} ${c.name}`, () => {
      const read = (): ReturnType<typeof parse> => parse("nats", [], Buffer.from(c["text"]));
      if (c["expect"].error !== undefined) {
        assert.throws(read, { name: "CloudEventError" });
        return;
      }
      const { envelope, data } = read();
      assert.deepEqual(flat(envelope), Object.fromEntries(Object.entries(c["expect"].attributes).map(([k, v]) => [k, String(v)])));
      if (c["expect"].data_utf8 !== undefined) assert.equal(Buffer.from(data!).toString(), c["expect"].data_utf8);
      if (c["expect"].data_hex !== undefined) assert.equal(Buffer.from(data!).toString("hex"), c["expect"].data_hex);
      if (c["expect"].data_json !== undefined) assert.deepEqual(JSON.parse(Buffer.from(data!).toString()), c["expect"].data_json);
      if (c["expect"].data === null) assert.equal(data, null);
    });
  }
});

describe("content modes", () => {
  for (const c of cases("mode")) {
    it(`${c.id} ${c.name}`, () => assert.equal(modeOf(c["content_type"] ?? undefined), c["expect"]));
  }
});

describe("percent-encoding", () => {
  for (const c of cases("percent")) {
    it(`${c.id} ${c.name}`, () => {
      if (c["expect"]?.error !== undefined) {
        assert.throws(() => percentDecode(c["encoded"]), { name: "CloudEventError" });
        return;
      }
      assert.equal(percentDecode(c["encoded"]), c["plain"]);
      if (c["decode_only"] !== true) assert.equal(percentEncode(c["plain"]), c["encoded"]);
    });
  }
});

describe("what a producer emits in binary mode", () => {
  for (const c of cases("produce").filter((c) => c["input"].mode !== "structured")) {
    it(`${c.id} ${c.name}`, () => {
      const { specversion: _, id, source, type, subject, time, datacontenttype, dataschema, ...extensions } = c["input"].event;
      const core = Object.fromEntries(Object.entries({ subject, time, datacontenttype, dataschema }).filter((e) => e[1] !== undefined));
      // Numbers and objects are no text: the type keeps them out at compile time, and the check at run time.
      const emit = (): object[] => headersOf(c["input"].binding ?? "kafka", { id, source, type, ...core, extensions });
      if (c["expect"].error !== undefined) {
        assert.throws(emit, { name: "CloudEventError" });
        return;
      }
      const headers = headersOf(c["input"].binding ?? "kafka", { id, source, type, ...core, extensions });
      const list = headers.map((h) => [h.key, Buffer.from(h.value!).toString()]);
      for (const wanted of c["expect"].headers_include ?? []) assert.deepEqual(list.find(([key]) => key === wanted[0]), wanted);
      for (const name of c["expect"].headers_exclude ?? []) assert.ok(!list.some(([key]) => key === name));
    });
  }
});

describe("Confluent's wire format", () => {
  for (const c of cases("wire_format")) {
    it(`${c.id} ${c.name}`, () => {
      const value = c["bytes_hex"] === null ? null : Buffer.from(c["bytes_hex"], "hex");
      const read = (): ReturnType<typeof parseFrame> => parseFrame(value, withHeaders(c["headers"]));
      if (c["expect"].error !== undefined) {
        assert.throws(read, { name: "WireError" });
        return;
      }
      const got = read();
      if (c["expect"].tombstone === true) {
        assert.equal(got, null);
        return;
      }
      assert.equal(Buffer.from(got!.datum).toString("hex"), c["expect"].payload_hex);
      if (c["expect"].schema_id !== undefined) assert.equal((got as { id: number }).id, c["expect"].schema_id);
      if (c["expect"].guid !== undefined) assert.equal((got as { guid: string }).guid, c["expect"].guid);
    });
  }
});

describe("Avro's resolution, as Java has it", () => {
  for (const c of cases("resolve_java")) {
    it(`${c.id} ${c["source"]?.test ?? ""}`, () => {
      const text = (schema: unknown): string => JSON.stringify(schema);
      const decode = (): unknown => new Codec(text(c["reader"])).decode(Buffer.from(c["writer_hex"], "hex"), text(c["writer"]));
      if (c["expect"].error !== undefined) {
        assert.throws(decode, { name: "AvroError" });
        return;
      }
      const again = new Codec(text(c["reader"])).encode(decode());
      const value = new Codec(text(c["reader"])).decode(again);
      assert.deepEqual(value, new Codec(text(c["reader"])).decode(Buffer.from(c["expect"].reader_hex, "hex")));
    });
  }
});

describe("murmur2", () => {
  // Kafka's own: org.apache.kafka.common.utils.UtilsTest.
  const known: readonly (readonly [string, number])[] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [key, hash] of known) {
    it(key, () => assert.equal(murmur2(Buffer.from(key)) | 0, hash));
  }
});
