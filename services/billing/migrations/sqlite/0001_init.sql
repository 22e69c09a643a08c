-- create table invoices
-- create table documents
-- create table series

CREATE TABLE `invoices` (
  `id` text NOT NULL,
  `number` text NOT NULL,
  `payment_id` text NOT NULL,
  `student_id` text NOT NULL DEFAULT '',
  `student_name` text NOT NULL DEFAULT '',
  `description` text NOT NULL DEFAULT '',
  `amount_minor` integer NOT NULL DEFAULT 0,
  `currency` text NOT NULL DEFAULT '',
  `paid_at` datetime NOT NULL,
  `issued_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);

CREATE UNIQUE INDEX `invoices_number_key` ON `invoices` (`number`);

CREATE UNIQUE INDEX `invoices_payment_id_key` ON `invoices` (`payment_id`);

CREATE INDEX `invoices_student_id_id_idx` ON `invoices` (`student_id`, `id`);

CREATE TABLE `documents` (
  `id` text NOT NULL,
  `pdf` blob NULL,
  PRIMARY KEY (`id`)
);

CREATE TABLE `series` (
  `id` text NOT NULL,
  `issued` integer NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
);
