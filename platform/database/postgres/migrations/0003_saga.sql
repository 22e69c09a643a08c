-- Sagas: processes over several contexts that this one owns.

-- One row an instance. Its version is the fence: a change names the version that it was made from.
CREATE TABLE pl_saga (
	saga         text        NOT NULL,
	id           text        NOT NULL, -- made from the saga's name and the key
	key          text        NOT NULL,
	version      bigint      NOT NULL,
	status       text        NOT NULL, -- running, compensating, stuck, completed or compensated
	step         text        NOT NULL, -- where it is
	waiting      text        NOT NULL, -- the step that waits for an event, or nothing
	parked       bigint      NOT NULL, -- how many steps wait for a person
	due_at       timestamptz, -- when an engine looks at it again; NULL: at its end, or a person's turn
	leased_until timestamptz, -- until when its holder is at work on it
	holder       text        NOT NULL, -- who made the last change
	deadline_at  timestamptz NOT NULL,
	state_type   text        NOT NULL, -- the message's full name
	state        bytea       NOT NULL, -- protobuf
	progress     text        NOT NULL, -- JSON: what each step has come to, and why it is undone
	correlation  text        NOT NULL, -- of the event that began it
	causation    text        NOT NULL, -- the id of that event
	trace_parent text        NOT NULL,
	started_at   timestamptz NOT NULL,
	changed_at   timestamptz NOT NULL,
	PRIMARY KEY (saga, id)
);

CREATE INDEX pl_saga_due ON pl_saga (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX pl_saga_waiting ON pl_saga (saga, id) WHERE waiting <> '';
CREATE INDEX pl_saga_open ON pl_saga (saga, status, changed_at) WHERE status NOT IN ('completed', 'compensated') OR parked > 0;
CREATE INDEX pl_saga_changed ON pl_saga (changed_at);

-- What has happened to an instance, in the order of its versions.
CREATE TABLE pl_saga_step (
	saga         text        NOT NULL,
	instance     text        NOT NULL,
	version      bigint      NOT NULL,
	n            bigint      NOT NULL,
	at           timestamptz NOT NULL,
	step         text        NOT NULL,
	attempt      bigint      NOT NULL,
	what         text        NOT NULL,
	code         text        NOT NULL,
	reason       text        NOT NULL,
	actor        text        NOT NULL, -- a person, or nothing
	PRIMARY KEY (saga, instance, version, n)
);

CREATE INDEX pl_saga_step_at ON pl_saga_step (at);

-- Events that came before a step has waited for them.
CREATE TABLE pl_saga_event (
	saga         text        NOT NULL,
	instance     text        NOT NULL,
	step         text        NOT NULL,
	topic        text        NOT NULL,
	headers      text        NOT NULL, -- JSON
	value        bytea,
	time         timestamptz NOT NULL, -- of the record
	expires_at   timestamptz NOT NULL,
	PRIMARY KEY (saga, instance, step)
);

CREATE INDEX pl_saga_event_expires_at ON pl_saga_event (expires_at);
