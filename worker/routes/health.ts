import { createRoute, z } from "@hono/zod-openapi";
import { logError } from "../../durable-objects/log.ts";
import { answer, refusals, routes } from "../api/routes.ts";
import { problem } from "../problem.ts";

const Status = z.object({ status: z.literal("ok") });

const healthz = createRoute({
  method: "get",
  path: "/healthz",
  tags: ["Operations"],
  summary: "The Worker answers; nothing else is asked",
  responses: { 200: answer("It does.", Status) },
});

const readyz = createRoute({
  method: "get",
  path: "/readyz",
  tags: ["Operations"],
  summary: "What the Worker needs answers too",
  responses: { 200: answer("It does.", Status), ...refusals("overloaded") },
});

/** Actors and queues are there when their bindings are; D1 is a service that can be away. */
async function missing(env: Env): Promise<string[]> {
  const bindings = ["SKU", "ORDER", "GATE", "PROVIDER_EVENTS", "EFFECTS", "ORDER_EVENTS", "ASSETS"] as const;
  const absent: string[] = bindings.filter((binding) => !env[binding]);
  try {
    await env.DB.prepare("SELECT 1").first();
  } catch (cause) {
    logError({ event: "not_ready", part: "DB" }, cause);
    absent.push("DB");
  }
  return absent;
}

export const health = routes()
  .openapi(healthz, (c) => c.json({ status: "ok" as const }, 200))
  .openapi(readyz, async (c) => {
    const absent = await missing(c.env);
    if (absent.length > 0)
      return problem(c, { code: "overloaded", detail: `Not ready: ${absent.join(", ")}.` });
    return c.json({ status: "ok" as const }, 200);
  });
