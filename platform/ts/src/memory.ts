import type { Fact, OutboxEvent, Publisher, Store, StoreTx } from "./store.js";

/** The most facts that are remembered. */
const maxFacts = 100_000;

/**
 * A store without a database, for tests and for handlers that keep nothing: what is published goes to the broker before
 * the transaction counts as committed, and duplicates are recognized as long as the process lives.
 */
export class MemoryStore implements Store<undefined> {
  readonly #facts = new Set<string>();
  #publish: Publisher = () => Promise.reject(new Error("the store was not started"));

  start(publish: Publisher): Promise<void> {
    this.#publish = publish;
    return Promise.resolve();
  }

  async transaction<T>(run: (tx: StoreTx<undefined>) => Promise<T>): Promise<T> {
    const out: OutboxEvent[] = [];
    const result = await run({ client: undefined, publish: (events) => void out.push(...events) });
    if (out.length > 0) await this.#publish(out);
    return result;
  }

  async once(consumer: string, fact: Fact | null, run: (tx: StoreTx<undefined>) => Promise<void>): Promise<boolean> {
    const name = fact === null ? undefined : `${consumer} ${Buffer.from(fact.hash).toString("hex")}`;
    if (name !== undefined && this.#facts.has(name)) return false;
    await this.transaction(run);
    if (name !== undefined) this.#remember(name);
    return true;
  }

  #remember(name: string): void {
    this.#facts.add(name);
    if (this.#facts.size > maxFacts) this.#facts.delete(this.#facts.values().next().value!);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
