-- create table notifications

CREATE TABLE "notifications" (
  "id" text NOT NULL,
  "student_id" text NOT NULL DEFAULT '',
  "category" text NOT NULL DEFAULT 'UNSPECIFIED',
  "priority" text NOT NULL DEFAULT 'UNSPECIFIED',
  "title" text NOT NULL DEFAULT '',
  "body" text NOT NULL DEFAULT '',
  "link" text NOT NULL DEFAULT '',
  "parameters" jsonb NULL,
  "source_id" text NOT NULL DEFAULT '',
  "read" boolean NOT NULL DEFAULT false,
  "read_at" timestamptz NULL,
  "created_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);

CREATE INDEX "notifications_student_id_id_idx" ON "notifications" ("student_id", "id");

CREATE INDEX "notifications_student_id_read_idx" ON "notifications" ("student_id", "read");
