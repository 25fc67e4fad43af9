DROP INDEX `cases_by_age`;--> statement-breakpoint
ALTER TABLE `cases` ADD `owner` text;--> statement-breakpoint
ALTER TABLE `cases` ADD `resolved_at` integer;--> statement-breakpoint
ALTER TABLE `cases` ADD `resolved_by` text;--> statement-breakpoint
ALTER TABLE `cases` ADD `resolution` text;--> statement-breakpoint
CREATE INDEX `cases_by_end_and_age` ON `cases` (`resolved_at`,`opened_at`,`id`);