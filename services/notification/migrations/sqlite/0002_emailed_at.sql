-- add column notifications.emailed_at

ALTER TABLE `notifications` ADD COLUMN `emailed_at` datetime NULL;
