import { randomUUID } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { sleep } from "../backoff.js";
import { dayOf, recorded } from "../compose.js";
import type { Logger } from "../log.js";
import { reason } from "../log.js";
import type { Fact, OutboxEvent, Publisher, Store, StoreTx } from "../store.js";
import { Days, maintain } from "./days.js";
import { type OutboxRow, insertEvents, readRow, rememberSchemas } from "./outbox.js";

/** The service's own database. */
export interface PostgresOptions {
  /** Connections of the service; the bus closes none that it did not open, and never the pool. */
  readonly pool: Pool;
}

/** How many relays share the outbox; the Go runtime has as many. */
const shards = 2;
const batchRows = 500;
const leaseMillis = 5_000;
/** A lease that ends later than any can was given by a clock that is wrong. */
const leaseWrongMillis = 60_000;
const pollMillis = 100;
const longestPauseMillis = 5_000;
/**
 * A process that is frozen inside of a transaction holds what others wait for, its event's line in the inbox at least. After
 * this long the server ends the transaction; a handler that only computes for longer has to do so before it begins.
 */
const idleWithinMillis = 30_000;
/** What PostgreSQL asks to run again: serialization failures and deadlocks. */
const again = new Set(["40001", "40P01"]);

/** The inbox and the outbox in the service's PostgreSQL, in the tables and the form that the Go runtime has. */
export class PostgresStore implements Store<PoolClient> {
  readonly #pool: Pool;
  readonly #log: Logger;
  readonly #days: Days;
  readonly #holder = randomUUID();
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[] = [];
  #wake = new AbortController();

  constructor(options: PostgresOptions, log: Logger) {
    this.#pool = options.pool;
    this.#log = log;
    this.#days = new Days(options.pool);
    this.#pool.on("error", (thrown) => log.warn("a connection of the database broke", { reason: reason(thrown) }));
  }

  async start(publish: Publisher): Promise<void> {
    const { rows } = await this.#pool.query("SELECT to_regclass('pl_outbox') IS NOT NULL AS there");
    if (rows[0]?.there !== true) throw new Error("the database lacks the platform's tables; run migrate of @pl/platform first");
    await this.#days.prepare("pl_outbox", new Date());
    for (let shard = 0; shard < shards; shard++) this.#loops.push(this.#relay(shard, publish));
    this.#loops.push(this.#maintain());
  }

  transaction<T>(run: (tx: StoreTx<PoolClient>) => Promise<T>): Promise<T> {
    return this.#rerun(() => this.#within(run));
  }

  async once(consumer: string, fact: Fact | null, run: (tx: StoreTx<PoolClient>) => Promise<void>): Promise<boolean> {
    if (fact !== null) await this.#days.prepareDay("pl_inbox", fact.day);
    return this.transaction(async (tx) => {
      if (fact !== null && !(await note(tx.client, consumer, fact))) return false;
      await run(tx);
      return true;
    });
  }

  async #rerun<T>(run: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (thrown) {
        if (attempt >= 5 || !again.has((thrown as { code?: string }).code ?? "")) throw thrown;
        await sleep(10 * 2 ** attempt * (1 + Math.random()));
      }
    }
  }

  async #within<T>(run: (tx: StoreTx<PoolClient>) => Promise<T>): Promise<T> {
    const now = new Date();
    await this.#days.prepare("pl_outbox", now);
    const out: OutboxEvent[] = [];
    const client = await this.#pool.connect();
    try {
      await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${idleWithinMillis}`);
      const result = await run({ client, publish: (events) => void out.push(...events) });
      if (out.length > 0) {
        await rememberSchemas(client, out);
        await insertEvents(client, dayOf(now), shards, out.map((e) => recorded(e, new Date())));
      }
      await client.query("COMMIT");
      client.release();
      if (out.length > 0) this.#ring();
      return result;
    } catch (thrown) {
      // The connection goes: a handler that was given up may still use it.
      client.release(thrown instanceof Error ? thrown : true);
      throw thrown;
    }
  }

  /** Wakes the relays. */
  #ring(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async #relay(shard: number, publish: Publisher): Promise<void> {
    let epoch = 0n;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const woken = this.#wake.signal;
      try {
        epoch = await this.#lease(shard, epoch);
        const published = epoch === 0n ? 0 : await this.#round(shard, epoch, publish);
        failures = 0;
        if (published === batchRows) continue;
        await sleep(epoch === 0n ? leaseMillis / 5 : pollMillis, epoch === 0n ? this.#stop.signal : woken);
      } catch (thrown) {
        epoch = 0n;
        failures++;
        const pause = Math.min(50 * 2 ** Math.min(failures, 10), longestPauseMillis) * (0.5 + Math.random() / 2);
        this.#log.warn("the outbox's relay stopped; it reads its rows again", { shard, failures, pause, reason: reason(thrown) });
        await sleep(pause, this.#stop.signal);
      }
    }
    await this.#giveBack(shard, epoch);
  }

  /** Renews the right to work on a shard, or takes it when nobody has it. Returns 0 when somebody else has it. */
  async #lease(shard: number, epoch: bigint): Promise<bigint> {
    const now = Date.now();
    const until = new Date(now + leaseMillis);
    if (epoch !== 0n) {
      const renewed = await this.#pool.query("UPDATE pl_relay SET leased_until = $3 WHERE shard = $1 AND epoch = $2", [shard, epoch, until]);
      if (renewed.rowCount === 1) return epoch;
    }
    const taken = await this.#pool.query<{ epoch: string }>(
      `INSERT INTO pl_relay AS r (shard, epoch, holder, leased_until) VALUES ($1, 1, $2, $3)
       ON CONFLICT (shard) DO UPDATE SET epoch = r.epoch + 1, holder = excluded.holder, leased_until = excluded.leased_until
       WHERE r.leased_until <= $4 OR r.leased_until > $5 RETURNING epoch`,
      [shard, this.#holder, until, new Date(now), new Date(now + leaseWrongMillis)],
    );
    return BigInt(taken.rows[0]?.epoch ?? 0);
  }

  /** Publishes the first rows of a shard, in order, and marks them while the lease still holds. */
  async #round(shard: number, epoch: bigint, publish: Publisher): Promise<number> {
    const { rows } = await this.#pool.query<OutboxRow>(
      `SELECT o.day, o.seq, o.id, o.topic, o.key, o.fingerprint, o.attributes, o.data, o.headers, s.text AS schema FROM pl_outbox o
       LEFT JOIN pl_event_schema s ON s.fingerprint = o.fingerprint AND s.subject = o.topic || '-value'
       WHERE o.shard = $1 AND o.published_at IS NULL ORDER BY o.seq LIMIT $2`,
      [shard, batchRows],
    );
    if (rows.length === 0) return 0;
    await publish(rows.map(readRow));
    const marked = await this.#pool.query(
      `WITH mine AS (UPDATE pl_relay SET leased_until = $1 WHERE shard = $2 AND epoch = $3 RETURNING 1)
       UPDATE pl_outbox SET published_at = now() WHERE (day, seq) IN (SELECT * FROM unnest($4::int[], $5::bigint[])) AND EXISTS (SELECT 1 FROM mine)`,
      [new Date(Date.now() + leaseMillis), shard, epoch, rows.map((r) => r.day), rows.map((r) => r.seq)],
    );
    if (marked.rowCount !== rows.length) throw new Error("another relay has taken over; what was published may be published twice");
    return rows.length;
  }

  async #giveBack(shard: number, epoch: bigint): Promise<void> {
    if (epoch === 0n) return;
    await this.#pool
      .query("UPDATE pl_relay SET leased_until = $3 WHERE shard = $1 AND epoch = $2", [shard, epoch, new Date()])
      .catch((thrown: unknown) => this.#log.debug("the outbox's lease was not given back", { reason: reason(thrown) }));
  }

  async #maintain(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await maintain(this.#pool, this.#days, new Date()).catch((thrown: unknown) =>
        this.#log.warn("housekeeping of the database failed; trying again in an hour", { reason: reason(thrown) }),
      );
      await sleep(60 * 60 * 1000, this.#stop.signal);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#ring();
    await Promise.all(this.#loops);
  }
}

/** Notes that a consumer applies a fact. False means that it has. */
async function note(client: PoolClient, consumer: string, fact: Fact): Promise<boolean> {
  const noted = await client.query("INSERT INTO pl_inbox (consumer, day, hash) VALUES ($1, $2, $3) ON CONFLICT (day, consumer, hash) DO NOTHING", [
    consumer,
    fact.day,
    Buffer.from(fact.hash),
  ]);
  return noted.rowCount === 1;
}
