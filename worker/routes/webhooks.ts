import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { logError } from "../../durable-objects/log.ts";
import type { ProviderEventMessage } from "../../schema/messages.ts";
import type { App } from "../app-env.ts";
import { refusals, routes } from "../api/routes.ts";
import { readBytes } from "../middleware/body.ts";
import { problem } from "../problem.ts";
import type { PaymentProvider } from "../providers/port.ts";
import { providerOf } from "../providers/registry.ts";

const receive = createRoute({
  method: "post",
  path: "/v1/webhooks/{provider}",
  tags: ["Providers"],
  summary: "A provider's callback",
  description:
    "Verified over its raw bytes, queued, acknowledged in the provider's own way. What it means is decided later, by the order.",
  request: { params: z.object({ provider: z.string() }) },
  responses: {
    200: { description: "Accepted." },
    ...refusals("invalid_signature", "invalid_request", "not_found", "body_too_large", "overloaded"),
  },
});

export const webhooks = routes().openapi(receive, async (c) => {
  const provider = providerOf(c.env, c.req.valid("param").provider);
  if (!provider) return problem(c, { code: "not_found" });
  const bytes = await readBytes(c);
  if (!bytes) return problem(c, { code: "body_too_large" });

  const now = Date.now();
  const notice = await provider.readNotice(c.req.raw.headers, bytes, now);
  if (!notice.ok) return problem(c, notice.error);
  if (!notice.value) return acknowledged(c, provider);
  const { event, order, report } = notice.value;
  const message: ProviderEventMessage = {
    v: 1,
    provider: provider.name,
    event,
    order,
    report,
    receivedAt: now,
  };
  c.set("logged", { provider: provider.name, provider_event: event, order, report: report.type });
  try {
    await c.env.PROVIDER_EVENTS.send(message);
  } catch (cause) {
    // Not acknowledged, so the provider says it again.
    logError({ event: "provider_event_not_queued", request: c.get("requestId"), order }, cause);
    return problem(c, { code: "overloaded" });
  }
  return acknowledged(c, provider);
});

/** The provider's own words, under our headers. */
function acknowledged(c: Context<App>, provider: PaymentProvider): Response {
  const said = provider.acknowledge();
  return c.newResponse(said.body, said);
}
