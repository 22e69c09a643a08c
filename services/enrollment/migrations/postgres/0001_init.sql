-- create table enrollments

CREATE TABLE "enrollments" (
  "id" text NOT NULL,
  "payment_id" text NOT NULL,
  "student_id" text NOT NULL DEFAULT '',
  "course_id" text NOT NULL DEFAULT '',
  "course_title" text NOT NULL DEFAULT '',
  "status" text NOT NULL DEFAULT 'UNSPECIFIED',
  "access_until" timestamptz NULL,
  "invoice_id" text NOT NULL DEFAULT '',
  "created_at" timestamptz NOT NULL,
  "granted_at" timestamptz NULL,
  PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "enrollments_payment_id_key" ON "enrollments" ("payment_id");

CREATE INDEX "enrollments_student_id_id_idx" ON "enrollments" ("student_id", "id");
