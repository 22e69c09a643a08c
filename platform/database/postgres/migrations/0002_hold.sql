-- Deliveries that failed, and those of the same key that came after them. Only the owner of the position, under its epoch,
-- inserts and deletes rows, runs them and changes blocks; people change state, next_at, value and headers, and raise version.
CREATE TABLE pl_hold (
	consumer        text        NOT NULL,
	topic           text        NOT NULL,
	partition       integer     NOT NULL,
	record_offset   bigint      NOT NULL,
	key             bytea,                -- the record's, as it is; NULL is unordered
	key_hash        bigint      NOT NULL, -- of the key, which may be too large for an index
	blocks          boolean     NOT NULL, -- later records of the key wait
	state           text        NOT NULL, -- held, dead, parked or dropped
	next_at         timestamptz,          -- when the owner looks at the row; NULL: behind another one, or a person's turn
	attempts        integer     NOT NULL,
	redrives        integer     NOT NULL,
	cause           text        NOT NULL, -- of the last failure; '' for one that has not run
	signature       text        NOT NULL, -- cause without what differs from event to event
	value           bytea,                -- the record's, as it is; NULL is a tombstone
	headers         bytea       NOT NULL, -- the record's, in their order
	record_time     timestamptz NOT NULL,
	event_id        text        NOT NULL, -- '' when the record is no CloudEvent
	event_source    text        NOT NULL,
	first_failed_at timestamptz,
	last_failed_at  timestamptz,
	held_at         timestamptz NOT NULL,
	version         bigint      NOT NULL, -- raised with every change
	job             text,                 -- the last redrive job that took the row
	PRIMARY KEY (consumer, topic, partition, record_offset)
);

CREATE INDEX pl_hold_due ON pl_hold (consumer, topic, partition, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX pl_hold_key ON pl_hold (consumer, topic, partition, key_hash, record_offset) WHERE blocks;
CREATE INDEX pl_hold_list ON pl_hold (state, consumer, topic, signature);
CREATE INDEX pl_hold_job ON pl_hold (job, state) WHERE job IS NOT NULL;

-- What people did to held deliveries, and when the owner carried a drop out.
CREATE TABLE pl_hold_audit (
	seq           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at            timestamptz NOT NULL,
	actor         text        NOT NULL,
	action        text        NOT NULL, -- redrive, park, drop, edit; dropped
	consumer      text        NOT NULL,
	topic         text        NOT NULL,
	partition     integer     NOT NULL,
	record_offset bigint      NOT NULL,
	event_id      text        NOT NULL,
	reason        text        NOT NULL,
	job           text        NOT NULL
);

CREATE INDEX pl_hold_audit_row ON pl_hold_audit (consumer, topic, partition, record_offset);
CREATE INDEX pl_hold_audit_job ON pl_hold_audit (job) WHERE job <> '';

-- The headers of a record that is published as it is: a copy of a dead letter. NULL for an event.
ALTER TABLE pl_outbox ADD COLUMN headers bytea;
