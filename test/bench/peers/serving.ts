import { serve } from "@hono/node-server";
import type { Hono } from "hono";

/** Serves until it is told to end, or until the benchmark that has started it is no more. */
export function serving(app: Hono, port: number, stop: () => Promise<void>): void {
  serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, () => process.send?.("ready"));
  const end = (): void => void stop().then(() => process.exit(0));
  process.once("SIGTERM", end);
  process.once("disconnect", end);
}
