import type { Pool } from "pg";

/** The tables of the inbox and the outbox, as the Go runtime has them. Both can read what the other wrote. */
const tables = `
CREATE TABLE IF NOT EXISTS pl_inbox (
  day integer NOT NULL, consumer text NOT NULL, hash bytea NOT NULL, PRIMARY KEY (day, consumer, hash)
) PARTITION BY RANGE (day);
CREATE SEQUENCE IF NOT EXISTS pl_outbox_seq AS bigint;
CREATE TABLE IF NOT EXISTS pl_outbox (
  day integer NOT NULL, seq bigint NOT NULL DEFAULT nextval('pl_outbox_seq'), shard smallint NOT NULL, id text NOT NULL,
  topic text NOT NULL, key bytea, fingerprint bigint NOT NULL, attributes text NOT NULL, data bytea NOT NULL,
  published_at timestamptz, headers bytea, PRIMARY KEY (day, seq)
) PARTITION BY RANGE (day);
CREATE INDEX IF NOT EXISTS pl_outbox_unpublished ON pl_outbox (shard, seq) WHERE published_at IS NULL;
CREATE TABLE IF NOT EXISTS pl_day (
  relation text NOT NULL, day integer NOT NULL, last_used timestamptz NOT NULL, PRIMARY KEY (relation, day)
);
CREATE TABLE IF NOT EXISTS pl_event_schema (
  fingerprint bigint NOT NULL, subject text NOT NULL, text text NOT NULL, PRIMARY KEY (fingerprint, subject)
);
CREATE TABLE IF NOT EXISTS pl_relay (
  shard integer NOT NULL PRIMARY KEY, epoch bigint NOT NULL, holder text NOT NULL, leased_until timestamptz NOT NULL
);`;

/** A number of our own, under which only one process migrates at a time. */
const lock = 7_055_012_026;

/** Creates the platform's tables in a service's database, unless they are there. It changes no table that is. */
export async function migrate(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [lock]);
    await client.query(tables);
    await client.query("COMMIT");
    client.release();
  } catch (thrown) {
    client.release(true);
    throw thrown;
  }
}
