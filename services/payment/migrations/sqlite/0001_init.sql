-- create table payments
-- create table refunds

CREATE TABLE `payments` (
  `id` text NOT NULL,
  `provider_reference` text NOT NULL,
  `student_id` text NOT NULL DEFAULT '',
  `student_name` text NOT NULL DEFAULT '',
  `course_id` text NOT NULL DEFAULT '',
  `course_title` text NOT NULL DEFAULT '',
  `amount_minor` integer NOT NULL DEFAULT 0,
  `currency` text NOT NULL DEFAULT '',
  `captured_at` datetime NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `payments_provider_reference_key` ON `payments` (`provider_reference`);

CREATE INDEX `payments_student_id_id_idx` ON `payments` (`student_id`, `id`);

CREATE TABLE `refunds` (
  `id` text NOT NULL,
  `payment_id` text NOT NULL,
  `reason` text NOT NULL DEFAULT 'UNSPECIFIED',
  `requested_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `refunds_payment_id_key` ON `refunds` (`payment_id`);
