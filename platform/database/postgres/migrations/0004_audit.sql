-- What people did through the admin API: to consumers' positions and to the outbox, and what personal data they looked
-- at. What they did to held deliveries is in pl_hold_audit.
CREATE TABLE pl_audit (
	seq     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at      timestamptz NOT NULL,
	actor   text        NOT NULL,
	action  text        NOT NULL, -- reset, replay, unmask, export, dry-run
	subject text        NOT NULL, -- a consumer, a letter, a context
	reason  text        NOT NULL,
	detail  text        NOT NULL
);

CREATE INDEX pl_audit_subject ON pl_audit (subject, seq);
