import type { Pool } from "pg";
import { dayOf } from "../compose.js";

type Table = "pl_inbox" | "pl_outbox";

/** How often a process says that it still writes to a day. */
const touchEveryMillis = 60 * 60 * 1000;
const dayMillis = 24 * 60 * 60 * 1000;
/** How long after their last use days go: the Go runtime's numbers. */
const keptDays: { readonly [table in Table]: number } = { pl_inbox: 8, pl_outbox: 7 };

/** The days that tables are ready for. */
export class Days {
  readonly #pool: Pool;
  readonly #touched = new Map<string, number>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Makes a table ready for rows of a moment's day. It must not be called inside of a transaction. */
  prepare(table: Table, at: Date): Promise<void> {
    return this.prepareDay(table, dayOf(at));
  }

  async prepareDay(table: Table, day: number): Promise<void> {
    const name = `${table}_${day}`;
    const now = Date.now();
    if (now - (this.#touched.get(name) ?? 0) < touchEveryMillis) return;
    const client = await this.#pool.connect();
    try {
      await client.query("BEGIN");
      const fresh = await client.query("INSERT INTO pl_day (relation, day, last_used) VALUES ($1, $2, $3) ON CONFLICT (relation, day) DO NOTHING", [table, day, new Date(now)]);
      if (fresh.rowCount === 1) {
        // Attaching waits for no transaction that uses the table; PARTITION OF would.
        await client.query(`CREATE TABLE IF NOT EXISTS ${name} (LIKE ${table} INCLUDING ALL);
          ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${day}) TO (${day + 1})`);
      } else {
        await client.query("UPDATE pl_day SET last_used = $3 WHERE relation = $1 AND day = $2 AND last_used < $3", [table, day, new Date(now)]);
      }
      await client.query("COMMIT");
      client.release();
    } catch (thrown) {
      client.release(true);
      throw thrown;
    }
    this.#touched.set(name, now);
  }
}

/** Prepares the next day and drops days that are no longer needed. Events that are not published are never dropped. */
export async function maintain(pool: Pool, days: Days, now: Date): Promise<void> {
  const tomorrow = new Date(now.getTime() + dayMillis);
  await days.prepare("pl_outbox", tomorrow);
  await days.prepare("pl_inbox", tomorrow);
  for (const table of ["pl_inbox", "pl_outbox"] as const) {
    const cutoff = new Date(now.getTime() - keptDays[table] * dayMillis);
    const old = await pool.query<{ day: number }>("SELECT day FROM pl_day WHERE relation = $1 AND day < $2 AND last_used < $3 ORDER BY day", [table, dayOf(cutoff), cutoff]);
    for (const { day } of old.rows) await dropDay(pool, table, day, cutoff);
  }
}

async function dropDay(pool: Pool, table: Table, day: number, cutoff: Date): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const mine = await client.query("DELETE FROM pl_day WHERE relation = $1 AND day = $2 AND last_used < $3", [table, day, cutoff]);
    const waits = table === "pl_outbox" && (await client.query("SELECT 1 FROM pl_outbox WHERE day = $1 AND published_at IS NULL LIMIT 1", [day])).rowCount !== 0;
    if (mine.rowCount === 1 && !waits) {
      await client.query("SET LOCAL lock_timeout = '500ms'");
      await client.query(`DROP TABLE IF EXISTS ${table}_${day}`);
      await client.query("COMMIT");
    } else {
      await client.query("ROLLBACK");
    }
    client.release();
  } catch (thrown) {
    client.release(true);
    throw thrown;
  }
}
