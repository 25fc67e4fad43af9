CREATE TABLE `auditor` (
	`id` integer PRIMARY KEY NOT NULL,
	`ran_at` integer NOT NULL,
	`compared` integer NOT NULL,
	`different` integer NOT NULL,
	`order_cursor` text NOT NULL,
	`sale_cursor` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `differences` (
	`id` text PRIMARY KEY NOT NULL,
	`detail` text NOT NULL,
	`since` integer NOT NULL,
	`seen_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `differences_by_age` ON `differences` (`since`);