import { createHash } from "node:crypto";

/** The key-value bucket of all groups, which the Go runtime has too. */
export const bucketName = "pl-groups";

/** A partition of a topic. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

const token = (name: string): string => name.replaceAll(".", "/");

export const memberKey = (group: string, id: string): string => `${token(group)}.member.${id}`;
export const leaseKey = (group: string, { topic, partition }: Place): string => `${token(group)}.lease.${token(topic)}.${partition}`;
export const positionKey = (group: string, { topic, partition }: Place): string => `${token(group)}.next.${token(topic)}.${partition}`;
export const watchedKeys = (group: string): string[] => [`${token(group)}.member.*`, `${token(group)}.lease.*.*`];

/** The name of a place in maps. */
export const nameOf = ({ topic, partition }: Place): string => `${topic} ${partition}`;

interface Sighting {
  readonly topics: readonly string[];
  readonly revision: number;
  /** By this process's own clock: clocks of several machines are never compared. */
  readonly at: number;
}

/** Who has a partition; an owner "" has given it back. The revision is what a takeover has to name. */
export interface Lease {
  readonly owner: string;
  readonly revision: number;
}

/** A group as its bucket shows it to one member. */
export class GroupView {
  readonly #ttlMillis: number;
  readonly #members = new Map<string, Sighting>();
  readonly #leases = new Map<string, Lease & Place>();

  constructor(ttlMillis: number) {
    this.#ttlMillis = ttlMillis;
  }

  /** Takes in one change of the bucket. A value of undefined means that the key is gone. */
  apply(key: string, value: string | undefined, revision: number, now: number): void {
    const parts = key.split(".");
    if (parts[1] === "lease" && parts.length === 4) {
      this.own({ topic: parts[2]!.replaceAll("/", "."), partition: Number(parts[3]) }, { owner: value ?? "", revision });
    } else if (parts[1] === "member" && parts.length === 3) {
      if (value === undefined) this.#members.delete(parts[2]!);
      else if ((this.#members.get(parts[2]!)?.revision ?? 0) < revision) this.#members.set(parts[2]!, { topics: value.split(" "), revision, at: now });
    }
  }

  own(place: Place, lease: Lease): void {
    if (this.lease(place).revision < lease.revision) this.#leases.set(nameOf(place), { ...place, ...lease });
  }

  lease(place: Place): Lease {
    return this.#leases.get(nameOf(place)) ?? { owner: "", revision: 0 };
  }

  /** The members that have shown no life for too long, apart from self. They are forgotten. */
  expired(self: string, now: number): string[] {
    const gone = [...this.#members].filter(([id, s]) => id !== self && now - s.at > this.#ttlMillis).map(([id]) => id);
    for (const id of gone) this.#members.delete(id);
    return gone;
  }

  /** Whether nobody who is alive has the partition, or self is said to. */
  free(place: Place, self: string): boolean {
    const { owner } = this.lease(place);
    return owner === "" || owner === self || !this.#members.has(owner);
  }

  /** Leases that say that self has them. */
  ownedBy(self: string): (Lease & Place)[] {
    return [...this.#leases.values()].filter((l) => l.owner === self);
  }

  /** How many partitions of a topic self may have. */
  share(self: string, topic: string, partitions: number): number {
    const has = new Map<string, number>();
    for (const l of this.#leases.values()) {
      if (l.topic === topic && l.owner !== "") has.set(l.owner, (has.get(l.owner) ?? 0) + 1);
    }
    const readers = [...this.#members].filter(([id, s]) => id !== self && s.topics.includes(topic)).map(([id]) => id);
    return fairShare(self, topic, partitions, [...readers, self], has);
  }
}

/**
 * How many of a topic's partitions a member may have. Every member, also one in Go, computes it alone and all agree: what is
 * left after an equal division goes to those that have most already, and among equals to another member for another topic.
 */
export function fairShare(self: string, topic: string, partitions: number, members: readonly string[], has: ReadonlyMap<string, number>): number {
  const order = [...members].sort((a, b) => {
    const most = (has.get(b) ?? 0) - (has.get(a) ?? 0);
    if (most !== 0) return most;
    return compare(lot(topic, a), lot(topic, b)) || compare(a, b);
  });
  return Math.floor(partitions / members.length) + (order.indexOf(self) < partitions % members.length ? 1 : 0);
}

function compare<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lot(topic: string, member: string): bigint {
  return createHash("sha256").update(`${topic}\u0000${member}`).digest().readBigUInt64BE();
}
