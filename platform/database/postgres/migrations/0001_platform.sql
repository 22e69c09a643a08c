-- The platform's own tables. All names begin with pl_, so that no entity of a context can clash with them.

-- Where each consumer is in each partition. The row is the fence: whoever raised the epoch last may write.
CREATE TABLE pl_consumer_partition (
	consumer    text    NOT NULL,
	topic       text    NOT NULL,
	partition   integer NOT NULL,
	epoch       bigint  NOT NULL,
	next_offset bigint  NOT NULL, -- -2 and -1: no position yet, begin at the oldest record or at new ones
	PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50);

-- Events that were applied, so that one that was published twice has its effects once.
CREATE TABLE pl_inbox (
	day      integer NOT NULL, -- of the event's time, YYYYMMDD
	consumer text    NOT NULL,
	hash     bytea   NOT NULL, -- of the event's source and its sameas or id
	PRIMARY KEY (day, consumer, hash)
) PARTITION BY RANGE (day);

CREATE SEQUENCE pl_outbox_seq AS bigint;

-- Events on their way to the broker. Published ones are kept for a week.
CREATE TABLE pl_outbox (
	day          integer     NOT NULL, -- of the transaction, YYYYMMDD
	seq          bigint      NOT NULL DEFAULT nextval('pl_outbox_seq'),
	shard        smallint    NOT NULL,
	id           text        NOT NULL,
	topic        text        NOT NULL,
	key          bytea,
	fingerprint  bigint      NOT NULL, -- of the schema, as a signed number
	attributes   text        NOT NULL, -- of the CloudEvent: a line of name, blank and value each
	data         bytea       NOT NULL, -- Avro, without the registry's framing
	published_at timestamptz,
	PRIMARY KEY (day, seq)
) PARTITION BY RANGE (day);

CREATE INDEX pl_outbox_unpublished ON pl_outbox (shard, seq) WHERE published_at IS NULL;

-- The days that the partitioned tables have partitions for.
CREATE TABLE pl_day (
	relation  text        NOT NULL,
	day       integer     NOT NULL,
	last_used timestamptz NOT NULL,
	PRIMARY KEY (relation, day)
);

-- The schemas of published events, so that a relay of another version of the binary can register or find them.
CREATE TABLE pl_event_schema (
	fingerprint bigint NOT NULL,
	subject     text   NOT NULL,
	text        text   NOT NULL,
	PRIMARY KEY (fingerprint, subject)
);

-- Which relay has which shard of the outbox.
CREATE TABLE pl_relay (
	shard        integer     NOT NULL PRIMARY KEY,
	epoch        bigint      NOT NULL,
	holder       text        NOT NULL,
	leased_until timestamptz NOT NULL
);

-- Answers to commands, for a day.
CREATE TABLE pl_command (
	method       text        NOT NULL,
	caller       text        NOT NULL,
	key          text        NOT NULL,
	request_hash bytea       NOT NULL,
	response     bytea,
	created_at   timestamptz NOT NULL,
	PRIMARY KEY (method, caller, key)
);

CREATE INDEX pl_command_created_at ON pl_command (created_at);
