-- The platform's own tables. All names begin with pl_, so that no entity of a context can clash with them.

-- Where each consumer is in each partition. The row is the fence: whoever raised the epoch last may write.
CREATE TABLE pl_consumer_partition (
	consumer    TEXT    NOT NULL,
	topic       TEXT    NOT NULL,
	partition   INTEGER NOT NULL,
	epoch       INTEGER NOT NULL,
	next_offset INTEGER NOT NULL, -- -2 and -1: no position yet, begin at the oldest record or at new ones
	PRIMARY KEY (consumer, topic, partition)
) STRICT, WITHOUT ROWID;

-- Events that were applied, so that one that was published twice has its effects once.
CREATE TABLE pl_inbox (
	day      INTEGER NOT NULL, -- of the event's time, YYYYMMDD
	consumer TEXT    NOT NULL,
	hash     BLOB    NOT NULL, -- of the event's source and its sameas or id
	PRIMARY KEY (day, consumer, hash)
) STRICT, WITHOUT ROWID;

-- Events on their way to the broker. Published ones are kept for a week. The sequence never goes back, also when the
-- newest rows have been removed.
CREATE TABLE pl_outbox (
	seq          INTEGER PRIMARY KEY AUTOINCREMENT,
	day          INTEGER NOT NULL, -- of the transaction, YYYYMMDD
	shard        INTEGER NOT NULL,
	id           TEXT    NOT NULL,
	topic        TEXT    NOT NULL,
	key          BLOB,
	fingerprint  INTEGER NOT NULL, -- of the schema, as a signed number
	attributes   TEXT    NOT NULL, -- of the CloudEvent: a line of name, blank and value each
	data         BLOB    NOT NULL, -- Avro, without the registry's framing
	published_at TIMESTAMP
);

CREATE INDEX pl_outbox_unpublished ON pl_outbox (shard, seq) WHERE published_at IS NULL;
CREATE INDEX pl_outbox_day ON pl_outbox (day);

-- The days that the inbox and the outbox have rows of.
CREATE TABLE pl_day (
	relation  TEXT      NOT NULL,
	day       INTEGER   NOT NULL,
	last_used TIMESTAMP NOT NULL,
	PRIMARY KEY (relation, day)
) WITHOUT ROWID;

-- The schemas of published events, so that a relay of another version of the binary can register or find them.
CREATE TABLE pl_event_schema (
	fingerprint INTEGER NOT NULL,
	subject     TEXT    NOT NULL,
	text        TEXT    NOT NULL,
	PRIMARY KEY (fingerprint, subject)
) STRICT, WITHOUT ROWID;

-- Which relay has which shard of the outbox.
CREATE TABLE pl_relay (
	shard        INTEGER   NOT NULL PRIMARY KEY,
	epoch        INTEGER   NOT NULL,
	holder       TEXT      NOT NULL,
	leased_until TIMESTAMP NOT NULL
);

-- Answers to commands, for a day.
CREATE TABLE pl_command (
	method       TEXT      NOT NULL,
	caller       TEXT      NOT NULL,
	key          TEXT      NOT NULL,
	request_hash BLOB      NOT NULL,
	response     BLOB,
	created_at   TIMESTAMP NOT NULL,
	PRIMARY KEY (method, caller, key)
);

CREATE INDEX pl_command_created_at ON pl_command (created_at);
