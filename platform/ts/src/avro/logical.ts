import { AvroError } from "./error.js";
import type { Decimal, Logical } from "./schema.js";

/** How many digits behind the second's point a unit has. */
const digits: { readonly [logical in Logical]?: number } = {
  "time-millis": 3,
  "time-micros": 6,
  "timestamp-millis": 3,
  "timestamp-micros": 6,
  "timestamp-nanos": 9,
  "local-timestamp-millis": 3,
  "local-timestamp-micros": 6,
  "local-timestamp-nanos": 9,
};

const dayMillis = 86_400_000;
/** The years 0000 to 9999, which RFC 3339 can write. */
const firstMillis = new Date("0000-01-01T00:00:00Z").getTime();
const endMillis = new Date("9999-12-31T23:59:59.999Z").getTime() + 1;

/** Writes a number as the time that it stands for; one beyond the years that can be written stays a number. */
export function timeText(logical: Logical, value: number | bigint): string | number | bigint {
  if (logical === "date") {
    const millis = Number(value) * dayMillis;
    return inYears(millis) ? new Date(millis).toISOString().slice(0, 10) : value;
  }
  const { millis, rest, width } = split(value, digits[logical]!);
  if (!inYears(millis)) return value;
  const iso = new Date(millis).toISOString();
  const fraction = (iso.slice(20, 23) + rest.toString().padStart(width, "0")).replace(/0+$/, "");
  const seconds = logical.startsWith("time-") ? iso.slice(11, 19) : iso.slice(0, 19);
  return seconds + (fraction === "" ? "" : "." + fraction) + (logical.startsWith("timestamp-") ? "Z" : "");
}

function inYears(millis: number): boolean {
  return millis >= firstMillis && millis < endMillis;
}

/** Splits a count of units into milliseconds and what is left of them, in `width` digits. */
function split(value: number | bigint, unit: number): { millis: number; rest: number; width: number } {
  const width = unit - 3;
  if (width === 0) return { millis: Number(value), rest: 0, width: 0 };
  const per = 10 ** width;
  if (typeof value === "number") {
    const millis = Math.floor(value / per);
    return { millis, rest: value - millis * per, width };
  }
  const big = BigInt(per);
  const rest = ((value % big) + big) % big;
  return { millis: Number((value - rest) / big), rest: Number(rest), width };
}

const instant = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i;
const local = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?()$/;
const day = /^(\d{4})-(\d\d)-(\d\d)$/;
const clock = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/;

/** Reads what timeText wrote. Digits beyond the unit are dropped. */
export function parseTime(logical: Logical, text: string, field: string): bigint {
  const fail = (): never => {
    throw new AvroError(`${field}: the text is no ${logical}; write it as ${example(logical)}`);
  };
  if (logical === "date") {
    const m = day.exec(text) ?? fail();
    return BigInt(utc(m, ["00", "00", "00"]) ?? fail()) / BigInt(dayMillis);
  }
  if (logical.startsWith("time-")) {
    const m = clock.exec(text) ?? fail();
    const millis = utc(["", "1970", "01", "01"], m.slice(1, 4)) ?? fail();
    return scaled(millis, m[4], digits[logical]!);
  }
  const m = (logical.startsWith("local-") ? local : instant).exec(text) ?? fail();
  const millis = utc(m, m.slice(4, 7)) ?? fail();
  return scaled(millis - (zone(m[8]!) ?? fail()), m[7], digits[logical]!);
}

function example(logical: Logical): string {
  if (logical === "date") return "2026-01-31";
  if (logical.startsWith("time-")) return "09:30:00";
  return logical.startsWith("local-") ? "2026-01-31T09:30:00" : "2026-01-31T09:30:00Z";
}

/** The milliseconds of a date and a clock, or undefined when there is no such moment. */
function utc(date: readonly (string | undefined)[], time: readonly (string | undefined)[]): number | undefined {
  const text = `${date[1]}-${date[2]}-${date[3]}T${time[0]}:${time[1]}:${time[2]}.000Z`;
  const millis = Date.parse(text);
  return !Number.isNaN(millis) && new Date(millis).toISOString() === text ? millis : undefined;
}

function zone(text: string): number | undefined {
  if (text === "" || text === "Z" || text === "z") return 0;
  const [hours, minutes] = text.slice(1).split(":").map(Number);
  if (hours! > 23 || minutes! > 59) return undefined;
  return (text.startsWith("-") ? -1 : 1) * (hours! * 60 + minutes!) * 60_000;
}

/** Whole seconds and a fraction in a unit of 10^-width seconds. */
function scaled(millis: number, fraction: string | undefined, width: number): bigint {
  return (BigInt(millis) / 1000n) * 10n ** BigInt(width) + BigInt((fraction ?? "").padEnd(9, "0").slice(0, width));
}

/** Writes a two's complement, big-endian number with its point. */
export function decimalText(bytes: Uint8Array, { scale }: Decimal): string {
  let n = 0n;
  for (const b of bytes) n = (n << 8n) | BigInt(b);
  if (bytes.length > 0 && bytes[0]! >= 0x80) n -= 1n << BigInt(8 * bytes.length);
  const whole = (n < 0n ? -n : n).toString().padStart(scale + 1, "0");
  const sign = n < 0n ? "-" : "";
  return scale === 0 ? sign + whole : `${sign}${whole.slice(0, -scale)}.${whole.slice(-scale)}`;
}

/** Reads a decimal's text into two's complement of the fewest bytes, or of `size` bytes. Nothing is rounded. */
export function parseDecimal(text: string, { precision, scale }: Decimal, field: string, size?: number): Uint8Array {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (m === null || text.length > 2100) throw new AvroError(`${field}: the text is no decimal; write it as 12.50`);
  const fraction = (m[3] ?? "").replace(/0+$/, "");
  if (fraction.length > scale) throw new AvroError(`${field}: a decimal is finer than its scale, ${scale}`);
  const unsigned = BigInt(m[2]! + fraction.padEnd(scale, "0"));
  if (unsigned >= 10n ** BigInt(precision)) throw new AvroError(`${field}: a decimal has more than ${precision} digits`);
  const n = m[1] === "-" ? -unsigned : unsigned;
  let length = 1;
  while (BigInt.asIntN(8 * length, n) !== n) length++;
  if (size !== undefined && length > size) throw new AvroError(`${field}: a decimal does not fit ${size} bytes`);
  length = size ?? length;
  let rest = BigInt.asUintN(8 * length, n);
  const bytes = new Uint8Array(length);
  for (let i = length - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID in its usual form. */
export function isUUID(text: string): boolean {
  return uuid.test(text);
}
