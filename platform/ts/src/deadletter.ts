import type { InRecord, OutRecord } from "./driver.js";

/** The topic of what a context could not handle of a topic. */
export function deadLetterTopic(topic: string, context: string): string {
  return `${topic}.${context}.dlq`;
}

/** Of a record that is larger with its headers the copy leaves out the value. */
const maxCopyBytes = 900 * 1024 + 64 * 1024;

/** Why a record became a dead letter. */
export interface Death {
  readonly consumer: string;
  readonly context: string;
  readonly cause: string;
  readonly attempts: number;
  readonly at: Date;
}

/** Returns a dead letter: the record as it was, with headers that say what happened, the same as the Go runtime's. */
export function deadLetter(record: InRecord, death: Death): OutRecord {
  const add = (key: string, value: string): void => void headers.push({ key, value: Buffer.from(value) });
  const size = record.headers.reduce((sum, h) => sum + h.key.length + (h.value?.length ?? 0) + 10, record.key?.length ?? 0);
  const headers = size <= maxCopyBytes ? [...record.headers] : [];
  const whole = size + (record.value?.length ?? 0) <= maxCopyBytes;
  add("pl-cause", death.cause);
  add("pl-consumer", death.consumer);
  add("pl-partition", String(record.partition));
  add("pl-offset", String(record.offset));
  add("pl-attempts", String(death.attempts));
  add("pl-failed-at", death.at.toISOString());
  if (!whole) add("pl-omitted", "the record is too large to be copied whole; the topic itself has it");
  return {
    topic: deadLetterTopic(record.topic, death.context),
    key: (record.key?.length ?? 0) > maxCopyBytes ? null : record.key,
    value: whole ? record.value : null,
    headers,
    timestamp: death.at.getTime(),
  };
}

/**
 * Which death a record comes back from, when it is a dead letter of that consumer that somebody has published to its topic
 * again; "" for any other record. It is another fact than the event itself, so that this consumer runs it once more, and the
 * others of the topic find that they have applied it.
 */
export function redriven(record: InRecord, consumer: string): string {
  const told = (key: string): string => Buffer.from(record.headers.findLast((h) => h.key === key)?.value ?? []).toString();
  if (told("pl-consumer") !== consumer) return "";
  return ["pl-partition", "pl-offset", "pl-failed-at"].map(told).join(" ");
}
