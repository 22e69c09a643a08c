import type { Header } from "./event/index.js";

/** A record on its way to the broker. Headers are named as Kafka's binding of CloudEvents names them, on every broker. */
export interface OutRecord {
  readonly topic: string;
  /** Null for a record without order. */
  readonly key: Uint8Array | null;
  /** Null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
  /** Unix milliseconds; the broker's time when absent. */
  readonly timestamp?: number;
}

/** A record as a broker has it. */
export interface InRecord extends OutRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
}

/** A topic and how it is kept. */
export interface Topic {
  readonly name: string;
  readonly partitions: number;
  /** 0 keeps records for ever. */
  readonly retentionMillis: number;
}

/** A partition that this process has, until its sink is revoked. */
export interface Assigned {
  readonly topic: string;
  readonly partition: number;
  /** Says that everything below the offset is settled. It is copied to the broker soon. */
  commit(next: number): void;
}

/** Takes the records of one partition, in order. */
export interface Sink {
  /** Takes a record. A promise means that it is the last that there is room for, until it resolves. Records that were pushed before are ignored. */
  push(record: InRecord): Promise<void> | undefined;
  /** Takes no more; resolves when no handler runs, or when they have had their time. */
  revoke(): Promise<void>;
}

/** One member of a consumer group. */
export interface Member {
  /** Gives back all partitions, with their positions, and leaves the group. */
  close(): Promise<void>;
}

/** What a broker has to offer. */
export interface Driver {
  /** Resolves when the broker has all records for good, those of a key in this order. */
  publish(records: readonly OutRecord[]): Promise<void>;
  /** Creates topics that do not exist. */
  ensureTopics(topics: readonly Topic[]): Promise<void>;
  /** Joins a group and reads its share of the topics' partitions, from the group's position or the oldest record. */
  join(group: string, topics: readonly string[], assign: (partition: Assigned) => Sink): Promise<Member>;
  close(): Promise<void>;
}
