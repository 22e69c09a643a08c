-- create table courses
-- create table sections
-- create table materials

CREATE TABLE `courses` (
  `id` text NOT NULL,
  `code` text NOT NULL,
  `title` text NOT NULL DEFAULT '',
  `summary` text NOT NULL DEFAULT '',
  `level` text NOT NULL DEFAULT 'UNSPECIFIED',
  `status` text NOT NULL DEFAULT 'UNSPECIFIED',
  `language` text NOT NULL DEFAULT '',
  `instructor_id` text NOT NULL DEFAULT '',
  `instructor_name` text NOT NULL DEFAULT '',
  `price_minor` integer NOT NULL DEFAULT 0,
  `currency` text NOT NULL DEFAULT '',
  `access_months` integer NOT NULL DEFAULT 0,
  `topics` json NULL,
  `labels` json NULL,
  `starts_at` datetime NULL,
  `time_zone` text NOT NULL DEFAULT '',
  `created_at` datetime NOT NULL,
  `published_at` datetime NULL,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `courses_code_key` ON `courses` (`code`);

CREATE INDEX `courses_status_id_idx` ON `courses` (`status`, `id`);

CREATE INDEX `courses_instructor_id_id_idx` ON `courses` (`instructor_id`, `id`);

CREATE TABLE `sections` (
  `id` text NOT NULL,
  `course_id` text NOT NULL,
  `parent_id` text NOT NULL DEFAULT '',
  `position` integer NOT NULL,
  `depth` integer NOT NULL DEFAULT 0,
  `title` text NOT NULL DEFAULT '',
  `summary` text NOT NULL DEFAULT '',
  `minutes` integer NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `sections_course_id_position_key` ON `sections` (`course_id`, `position`);

CREATE TABLE `materials` (
  `id` text NOT NULL,
  `course_id` text NOT NULL DEFAULT '',
  `section_id` text NOT NULL DEFAULT '',
  `title` text NOT NULL DEFAULT '',
  `kind` text NOT NULL DEFAULT 'UNSPECIFIED',
  `url` text NOT NULL DEFAULT '',
  `media_type` text NOT NULL DEFAULT '',
  `size_bytes` integer NOT NULL DEFAULT 0,
  `sha256` text NOT NULL DEFAULT '',
  `pages` integer NOT NULL DEFAULT 0,
  `seconds` integer NOT NULL DEFAULT 0,
  `uploaded_by` text NOT NULL DEFAULT '',
  `uploaded_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE INDEX `materials_course_id_id_idx` ON `materials` (`course_id`, `id`);
