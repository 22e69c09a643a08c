-- create table users

CREATE TABLE "users" (
  "id" text NOT NULL,
  "display_name" text NOT NULL DEFAULT '',
  "email" text NOT NULL,
  "role" text NOT NULL DEFAULT 'UNSPECIFIED',
  "locale" text NOT NULL DEFAULT '',
  "time_zone" text NOT NULL DEFAULT '',
  "bio" text NOT NULL DEFAULT '',
  "interests" jsonb NULL,
  "attributes" jsonb NULL,
  "email_enabled" boolean NOT NULL DEFAULT false,
  "push_enabled" boolean NOT NULL DEFAULT false,
  "quiet_from_minute" integer NULL,
  "quiet_until_minute" integer NULL,
  "revision" bigint NOT NULL DEFAULT 0,
  "terms_accepted_at" timestamptz NOT NULL,
  "created_at" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "users_email_key" ON "users" ("email");

CREATE INDEX "users_role_id_idx" ON "users" ("role", "id");
