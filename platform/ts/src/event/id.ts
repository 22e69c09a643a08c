import { randomBytes } from "node:crypto";

let last = 0n;

/**
 * Returns a new event id: a UUID of version 7. Ids of one process sort in the order in which they were made. It is called
 * once an event: an id made again for a retry would be another event.
 */
export function newEventId(): string {
  const now = (BigInt(Math.floor((performance.timeOrigin + performance.now()) * 1000)) * 4096n) / 1000n;
  last = now > last ? now : last + 1n;
  const random = randomBytes(8).readBigUInt64BE() >> 2n;
  const high = ((last >> 12n) << 16n) | 0x7000n | (last & 0xfffn);
  const hex = high.toString(16).padStart(16, "0") + ((2n << 62n) | random).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
