-- create table password_resets

CREATE TABLE "password_resets" (
  "id" text NOT NULL,
  "account_id" text NULL,
  "token_hash" text NOT NULL,
  "created_at" timestamptz NOT NULL,
  "expires_at" timestamptz NOT NULL,
  "sent_at" timestamptz NULL,
  "used_at" timestamptz NULL,
  PRIMARY KEY ("id")
);

CREATE INDEX "password_resets_account_id_idx" ON "password_resets" ("account_id");

CREATE UNIQUE INDEX "password_resets_token_hash_key" ON "password_resets" ("token_hash");

CREATE INDEX "password_resets_expires_at_idx" ON "password_resets" ("expires_at");
