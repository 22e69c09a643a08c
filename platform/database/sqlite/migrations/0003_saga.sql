-- Sagas: processes over several contexts that this one owns.

-- One row an instance. Its version is the fence: a change names the version that it was made from.
CREATE TABLE pl_saga (
	saga         TEXT      NOT NULL,
	id           TEXT      NOT NULL, -- made from the saga's name and the key
	key          TEXT      NOT NULL,
	version      INTEGER   NOT NULL,
	status       TEXT      NOT NULL, -- running, compensating, stuck, completed or compensated
	step         TEXT      NOT NULL, -- where it is
	waiting      TEXT      NOT NULL, -- the step that waits for an event, or nothing
	parked       INTEGER   NOT NULL, -- how many steps wait for a person
	due_at       TIMESTAMP,          -- when an engine looks at it again; NULL: at its end, or a person's turn
	leased_until TIMESTAMP,          -- until when its holder is at work on it
	holder       TEXT      NOT NULL, -- who made the last change
	deadline_at  TIMESTAMP NOT NULL,
	state_type   TEXT      NOT NULL, -- the message's full name
	state        BLOB      NOT NULL, -- protobuf
	progress     TEXT      NOT NULL, -- JSON: what each step has come to, and why it is undone
	correlation  TEXT      NOT NULL, -- of the event that began it
	causation    TEXT      NOT NULL, -- the id of that event
	trace_parent TEXT      NOT NULL,
	started_at   TIMESTAMP NOT NULL,
	changed_at   TIMESTAMP NOT NULL,
	PRIMARY KEY (saga, id)
) WITHOUT ROWID;

CREATE INDEX pl_saga_due ON pl_saga (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX pl_saga_waiting ON pl_saga (saga, id) WHERE waiting <> '';
CREATE INDEX pl_saga_open ON pl_saga (saga, status, changed_at) WHERE status NOT IN ('completed', 'compensated') OR parked > 0;
CREATE INDEX pl_saga_changed ON pl_saga (changed_at);

-- What has happened to an instance, in the order of its versions.
CREATE TABLE pl_saga_step (
	saga     TEXT      NOT NULL,
	instance TEXT      NOT NULL,
	version  INTEGER   NOT NULL,
	n        INTEGER   NOT NULL,
	at       TIMESTAMP NOT NULL,
	step     TEXT      NOT NULL,
	attempt  INTEGER   NOT NULL,
	what     TEXT      NOT NULL,
	code     TEXT      NOT NULL,
	reason   TEXT      NOT NULL,
	actor    TEXT      NOT NULL, -- a person, or nothing
	PRIMARY KEY (saga, instance, version, n)
) WITHOUT ROWID;

CREATE INDEX pl_saga_step_at ON pl_saga_step (at);

-- Events that came before a step has waited for them.
CREATE TABLE pl_saga_event (
	saga       TEXT      NOT NULL,
	instance   TEXT      NOT NULL,
	step       TEXT      NOT NULL,
	topic      TEXT      NOT NULL,
	headers    TEXT      NOT NULL, -- JSON
	value      BLOB,
	time       TIMESTAMP NOT NULL, -- of the record
	expires_at TIMESTAMP NOT NULL,
	PRIMARY KEY (saga, instance, step)
) WITHOUT ROWID;

CREATE INDEX pl_saga_event_expires_at ON pl_saga_event (expires_at);
