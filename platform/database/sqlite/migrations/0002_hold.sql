-- Deliveries that failed, and those of the same key that came after them. Only the owner of the position, under its epoch,
-- inserts and deletes rows, runs them and changes blocks; people change state, next_at, value and headers, and raise version.
CREATE TABLE pl_hold (
	consumer        TEXT      NOT NULL,
	topic           TEXT      NOT NULL,
	partition       INTEGER   NOT NULL,
	record_offset   INTEGER   NOT NULL,
	key             BLOB,               -- the record's, as it is; NULL is unordered
	key_hash        INTEGER   NOT NULL, -- of the key, which may be too large for an index
	blocks          BOOLEAN   NOT NULL, -- later records of the key wait
	state           TEXT      NOT NULL, -- held, dead, parked or dropped
	next_at         TIMESTAMP,          -- when the owner looks at the row; NULL: behind another one, or a person's turn
	attempts        INTEGER   NOT NULL,
	redrives        INTEGER   NOT NULL,
	cause           TEXT      NOT NULL, -- of the last failure; '' for one that has not run
	signature       TEXT      NOT NULL, -- cause without what differs from event to event
	value           BLOB,               -- the record's, as it is; NULL is a tombstone
	headers         BLOB      NOT NULL, -- the record's, in their order
	record_time     TIMESTAMP NOT NULL,
	event_id        TEXT      NOT NULL, -- '' when the record is no CloudEvent
	event_source    TEXT      NOT NULL,
	first_failed_at TIMESTAMP,
	last_failed_at  TIMESTAMP,
	held_at         TIMESTAMP NOT NULL,
	version         INTEGER   NOT NULL, -- raised with every change
	job             TEXT,               -- the last redrive job that took the row
	PRIMARY KEY (consumer, topic, partition, record_offset)
);

CREATE INDEX pl_hold_due ON pl_hold (consumer, topic, partition, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX pl_hold_key ON pl_hold (consumer, topic, partition, key_hash, record_offset) WHERE blocks;
CREATE INDEX pl_hold_list ON pl_hold (state, consumer, topic, signature);
CREATE INDEX pl_hold_job ON pl_hold (job, state) WHERE job IS NOT NULL;

-- What people did to held deliveries, and when the owner carried a drop out.
CREATE TABLE pl_hold_audit (
	seq           INTEGER   PRIMARY KEY AUTOINCREMENT,
	at            TIMESTAMP NOT NULL,
	actor         TEXT      NOT NULL,
	action        TEXT      NOT NULL, -- redrive, park, drop, edit; dropped
	consumer      TEXT      NOT NULL,
	topic         TEXT      NOT NULL,
	partition     INTEGER   NOT NULL,
	record_offset INTEGER   NOT NULL,
	event_id      TEXT      NOT NULL,
	reason        TEXT      NOT NULL,
	job           TEXT      NOT NULL
);

CREATE INDEX pl_hold_audit_row ON pl_hold_audit (consumer, topic, partition, record_offset);
CREATE INDEX pl_hold_audit_job ON pl_hold_audit (job) WHERE job <> '';

-- The headers of a record that is published as it is: a copy of a dead letter. NULL for an event.
ALTER TABLE pl_outbox ADD COLUMN headers BLOB;
