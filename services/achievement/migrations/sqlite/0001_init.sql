-- create table badges
-- create table progress

CREATE TABLE `badges` (
  `id` text NOT NULL,
  `student_id` text NOT NULL,
  `student_name` text NOT NULL DEFAULT '',
  `kind` text NOT NULL,
  `source_id` text NOT NULL,
  `course_id` text NOT NULL DEFAULT '',
  `title` text NOT NULL DEFAULT '',
  `points` integer NOT NULL DEFAULT 0,
  `reason` text NOT NULL DEFAULT '',
  `awarded_by` text NOT NULL DEFAULT '',
  `awarded_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE INDEX `badges_course_id_idx` ON `badges` (`course_id`);

CREATE UNIQUE INDEX `badges_student_id_kind_source_id_key` ON `badges` (`student_id`, `kind`, `source_id`);

CREATE INDEX `badges_student_id_id_idx` ON `badges` (`student_id`, `id`);

CREATE TABLE `progress` (
  `id` text NOT NULL,
  `student_id` text NOT NULL,
  `course_id` text NOT NULL,
  `quizzes_completed` integer NOT NULL DEFAULT 0,
  `quizzes_passed` integer NOT NULL DEFAULT 0,
  `badges` integer NOT NULL DEFAULT 0,
  `points` integer NOT NULL DEFAULT 0,
  `best_score` real NOT NULL DEFAULT 0,
  `updated_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `progress_student_id_course_id_key` ON `progress` (`student_id`, `course_id`);

CREATE INDEX `progress_course_id_points_idx` ON `progress` (`course_id`, `points`);
