-- create table access

CREATE TABLE "access" (
  "id" text NOT NULL,
  "student_id" text NOT NULL DEFAULT '',
  "course_id" text NOT NULL DEFAULT '',
  "status" text NOT NULL DEFAULT 'UNSPECIFIED',
  "expires_at" timestamptz NULL,
  "created_at" timestamptz NOT NULL,
  "revoked_at" timestamptz NULL,
  PRIMARY KEY ("id")
);

CREATE INDEX "access_student_id_course_id_idx" ON "access" ("student_id", "course_id");
