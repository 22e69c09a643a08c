-- create table accounts
-- create table sessions
-- create table grants
-- create table refresh_tokens
-- create table signing_keys
-- create table login_throttles

CREATE TABLE `accounts` (
  `id` text NOT NULL,
  `email` text NOT NULL,
  `username` text NULL,
  `display_name` text NOT NULL DEFAULT '',
  `role` text NOT NULL DEFAULT 'UNSPECIFIED',
  `password_hash` text NOT NULL DEFAULT '',
  `password_changed_at` datetime NOT NULL,
  `disabled_at` datetime NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `accounts_email_key` ON `accounts` (`email`);

CREATE UNIQUE INDEX `accounts_username_key` ON `accounts` (`username`);

CREATE TABLE `sessions` (
  `id` text NOT NULL,
  `account_id` text NOT NULL DEFAULT '',
  `cookie_hash` text NOT NULL,
  `user_agent` text NOT NULL DEFAULT '',
  `created_at` datetime NOT NULL,
  `used_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  `ends_at` datetime NOT NULL,
  `ended_at` datetime NULL,
  `end_reason` text NOT NULL DEFAULT 'UNSPECIFIED',
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `sessions_cookie_hash_key` ON `sessions` (`cookie_hash`);

CREATE INDEX `sessions_account_id_id_idx` ON `sessions` (`account_id`, `id`);

CREATE INDEX `sessions_ended_at_ends_at_idx` ON `sessions` (`ended_at`, `ends_at`);

CREATE TABLE `grants` (
  `id` text NOT NULL,
  `session_id` text NOT NULL DEFAULT '',
  `account_id` text NOT NULL DEFAULT '',
  `client_id` text NOT NULL DEFAULT '',
  `redirect_uri` text NOT NULL DEFAULT '',
  `scopes` json NULL,
  `nonce` text NOT NULL DEFAULT '',
  `code_challenge` text NOT NULL DEFAULT '',
  `code_hash` text NOT NULL,
  `authenticated_at` datetime NOT NULL,
  `created_at` datetime NOT NULL,
  `code_used_at` datetime NULL,
  `revoked_at` datetime NULL,
  PRIMARY KEY (`id`)
);

CREATE INDEX `grants_session_id_idx` ON `grants` (`session_id`);

CREATE UNIQUE INDEX `grants_code_hash_key` ON `grants` (`code_hash`);

CREATE INDEX `grants_created_at_idx` ON `grants` (`created_at`);

CREATE TABLE `refresh_tokens` (
  `id` text NOT NULL,
  `grant_id` text NOT NULL DEFAULT '',
  `token_hash` text NOT NULL,
  `scopes` json NULL,
  `created_at` datetime NOT NULL,
  `used_at` datetime NULL,
  PRIMARY KEY (`id`)
);

CREATE INDEX `refresh_tokens_grant_id_idx` ON `refresh_tokens` (`grant_id`);

CREATE UNIQUE INDEX `refresh_tokens_token_hash_key` ON `refresh_tokens` (`token_hash`);

CREATE INDEX `refresh_tokens_created_at_idx` ON `refresh_tokens` (`created_at`);

CREATE TABLE `signing_keys` (
  `id` text NOT NULL,
  `sealed` blob NULL,
  `public_key` blob NULL,
  `created_at` datetime NOT NULL,
  `signs_at` datetime NOT NULL,
  `replaces` text NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `signing_keys_replaces_key` ON `signing_keys` (`replaces`);

CREATE TABLE `login_throttles` (
  `id` text NOT NULL,
  `tries` integer NOT NULL DEFAULT 0,
  `resets_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE INDEX `login_throttles_resets_at_idx` ON `login_throttles` (`resets_at`);
