import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { logError } from "../../durable-objects/log.ts";
import type { ProviderEventMessage } from "../../schema/messages.ts";
import { MAIN_ACCOUNT, type Receiver } from "../../schema/order.ts";
import type { App } from "../app-env.ts";
import { refusals, routes } from "../api/routes.ts";
import { readBytes } from "../middleware/body.ts";
import { problem } from "../problem.ts";
import type { PaymentProvider } from "../providers/port.ts";
import { providerOf } from "../providers/registry.ts";

const callback = {
  method: "post" as const,
  tags: ["Providers"],
  description:
    "Verified over its raw bytes, queued, acknowledged in the provider's own way. What it means is decided later, by the order.",
  responses: {
    200: { description: "Accepted." },
    ...refusals("invalid_signature", "invalid_request", "not_found", "body_too_large", "overloaded"),
  },
};

const toMain = createRoute({
  ...callback,
  path: "/v1/webhooks/{provider}",
  summary: "A provider's callback",
  request: { params: z.object({ provider: z.string() }) },
});

const toAccount = createRoute({
  ...callback,
  path: "/v1/webhooks/{provider}/{account}",
  summary: "A provider's callback to another account than the main one",
  request: { params: z.object({ provider: z.string(), account: z.string() }) },
});

export const webhooks = routes()
  .openapi(toMain, (c) => receive(c, { ...c.req.valid("param"), account: MAIN_ACCOUNT }))
  .openapi(toAccount, (c) => receive(c, c.req.valid("param")));

async function receive(c: Context<App>, receiver: Receiver): Promise<Response> {
  const provider = providerOf(c.env, receiver);
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
}

/** The provider's own words, under our headers. */
function acknowledged(c: Context<App>, provider: PaymentProvider): Response {
  const said = provider.acknowledge();
  return c.newResponse(said.body, said);
}
