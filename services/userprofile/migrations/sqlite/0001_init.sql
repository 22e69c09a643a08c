-- create table users

CREATE TABLE `users` (
  `id` text NOT NULL,
  `display_name` text NOT NULL DEFAULT '',
  `email` text NOT NULL,
  `role` text NOT NULL DEFAULT 'UNSPECIFIED',
  `locale` text NOT NULL DEFAULT '',
  `time_zone` text NOT NULL DEFAULT '',
  `bio` text NOT NULL DEFAULT '',
  `interests` json NULL,
  `attributes` json NULL,
  `email_enabled` bool NOT NULL DEFAULT false,
  `push_enabled` bool NOT NULL DEFAULT false,
  `quiet_from_minute` integer NULL,
  `quiet_until_minute` integer NULL,
  `revision` integer NOT NULL DEFAULT 0,
  `terms_accepted_at` datetime NOT NULL,
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `users_email_key` ON `users` (`email`);

CREATE INDEX `users_role_id_idx` ON `users` (`role`, `id`);
