-- What people did through the admin API: to consumers' positions and to the outbox, and what personal data they looked
-- at. What they did to held deliveries is in pl_hold_audit.
CREATE TABLE pl_audit (
	seq     INTEGER   PRIMARY KEY AUTOINCREMENT,
	at      TIMESTAMP NOT NULL,
	actor   TEXT      NOT NULL,
	action  TEXT      NOT NULL, -- reset, replay, unmask, export, dry-run
	subject TEXT      NOT NULL, -- a consumer, a letter, a context
	reason  TEXT      NOT NULL,
	detail  TEXT      NOT NULL
);

CREATE INDEX pl_audit_subject ON pl_audit (subject, seq);
