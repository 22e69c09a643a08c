import { DiscardPolicy, type JetStreamManager, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream";
import type { Topic } from "../driver.js";
import { reason } from "../log.js";
import type { Place } from "./group.js";

/** The stream of a partition, which has one subject. Stream names hold no dots. */
export const streamName = ({ topic, partition }: Place): string => `${topic.replaceAll(".", "-")}-${partition}`;
export const subjectOf = ({ topic, partition }: Place): string => `${topic}.${partition}`;

/** How long a stream recognizes what is sent to it twice. */
const duplicateWindowMillis = 120_000;

/** A topic's partition count, as its first stream says it. */
export async function partitionsOf(jsm: JetStreamManager, topic: string): Promise<number> {
  let metadata: { readonly [name: string]: string };
  try {
    metadata = (await jsm.streams.info(streamName({ topic, partition: 0 }))).config.metadata ?? {};
  } catch (thrown) {
    throw new Error(`nats: topic ${topic}: ${reason(thrown)}; create it with \`pl-gen topics apply\``, { cause: thrown });
  }
  const count = Number(metadata["pl-partitions"]);
  if (metadata["pl-topic"] !== topic || !Number.isInteger(count) || count < 1) {
    throw new Error(`nats: stream ${streamName({ topic, partition: 0 })} is not a partition of topic ${topic}: its metadata does not say so`);
  }
  return count;
}

/** Creates a topic's streams, the first one last: when it exists, all do. */
export async function createTopic(jsm: JetStreamManager, topic: Topic, replicas: number): Promise<void> {
  for (let partition = topic.partitions - 1; partition >= 0; partition--) {
    const place = { topic: topic.name, partition };
    const maxAge = Math.max(topic.retentionMillis, 0) * 1e6;
    const config: Partial<StreamConfig> & { name: string } = {
      name: streamName(place),
      subjects: [subjectOf(place)],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_age: maxAge,
      duplicate_window: maxAge === 0 ? duplicateWindowMillis * 1e6 : Math.min(maxAge, duplicateWindowMillis * 1e6),
      num_replicas: replicas,
      allow_atomic: true,
      allow_direct: true,
      metadata: { "pl-topic": topic.name, "pl-partition": String(partition), "pl-partitions": String(topic.partitions) },
    };
    await jsm.streams.add(config);
  }
}

