import { setMaxListeners } from "node:events";
import { sleep } from "./backoff.js";
import type { Assigned, InRecord, Sink } from "./driver.js";

/** Runs one delivery until it is settled: applied, found applied already, or a dead letter. It never throws. */
export type Deliver = (record: InRecord, stop: AbortSignal) => Promise<"settled" | "stopped">;

/** How much of a partition may be on its way at a time. */
export interface Room {
  readonly records: number;
  readonly bytes: number;
}

/** How long the handlers of a partition that is given up may go on. What they do later the inbox settles. */
const drainMillis = 20_000;

/** A key's records wait here for each other; records without a key wait for none. */
type Lane = InRecord[];

/**
 * Puts the records of one partition through the handler: those of a key one after another, so that one that is tried again
 * holds up its own key and no other. The position follows the oldest record that is not settled; what is behind it is read
 * again after a crash, and the inbox settles it.
 */
export class PartitionWorker implements Sink {
  readonly #assigned: Assigned;
  readonly #deliver: Deliver;
  readonly #room: Room;
  readonly #lanes = new Map<string, Lane>();
  /** Offsets on their way, oldest first, with their sizes. */
  readonly #open = new Map<number, number>();
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;
  #next = -1;
  #waiting: { readonly room: Promise<void>; readonly open: () => void } | undefined;

  constructor(assigned: Assigned, deliver: Deliver, room: Room) {
    this.#assigned = assigned;
    this.#deliver = deliver;
    this.#room = room;
    setMaxListeners(0, this.#stop.signal); // every lane that waits listens
  }

  push(record: InRecord): Promise<void> | undefined {
    if (this.#stop.signal.aborted || record.offset < this.#next) return undefined;
    this.#next = record.offset + 1;
    const size = (record.value?.length ?? 0) + (record.key?.length ?? 0);
    this.#open.set(record.offset, size);
    this.#bytes += size;
    this.#enqueue(record);
    if (!this.#full()) return undefined;
    this.#waiting ??= gate();
    return this.#waiting.room;
  }

  #full(): boolean {
    return this.#open.size >= this.#room.records || this.#bytes >= this.#room.bytes;
  }

  #enqueue(record: InRecord): void {
    const name = record.key === null ? `#${record.offset}` : `=${Buffer.from(record.key).toString("latin1")}`;
    const lane = this.#lanes.get(name);
    if (lane !== undefined) {
      lane.push(record);
      return;
    }
    const fresh: Lane = [record];
    this.#lanes.set(name, fresh);
    const run = this.#run(name, fresh).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #run(name: string, lane: Lane): Promise<void> {
    while (lane.length > 0 && !this.#stop.signal.aborted) {
      const outcome = await this.#deliver(lane[0]!, this.#stop.signal);
      if (outcome === "stopped") return;
      this.#settle(lane.shift()!.offset);
    }
    this.#lanes.delete(name);
  }

  #settle(offset: number): void {
    const oldest = this.#open.keys().next().value;
    this.#bytes -= this.#open.get(offset) ?? 0;
    this.#open.delete(offset);
    if (offset === oldest) this.#assigned.commit(this.#open.keys().next().value ?? this.#next);
    if (!this.#full()) this.#admit();
  }

  #admit(): void {
    this.#waiting?.open();
    this.#waiting = undefined;
  }

  /** Deliveries that wait for their next attempt end at once; handlers that run may end by themselves. */
  async revoke(): Promise<void> {
    this.#stop.abort();
    this.#admit();
    const enough = new AbortController();
    await Promise.race([Promise.all(this.#running), sleep(drainMillis, enough.signal)]);
    enough.abort();
  }
}

function gate(): { readonly room: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const room = new Promise<void>((resolve) => (open = resolve));
  return { room, open };
}

/** Lets a bounded number of tasks run at a time, first come first served. */
export class Semaphore {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
