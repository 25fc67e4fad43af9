import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { wrongWithUrl } from "../../durable-objects/webhook/address.ts";
import { secretOf } from "../../durable-objects/webhook/secret.ts";
import { DELIVERY_STATES, WEBHOOK_TYPES, type Delivery, type Endpoint } from "../../schema/webhook.ts";
import { webhookActor } from "../actors.ts";
import type { App } from "../app-env.ts";
import { iso } from "../api/present.ts";
import { answer, body, BODY_REFUSALS, forStaff, refusals, routes } from "../api/routes.ts";
import { audit } from "../audit.ts";
import { testEvent } from "../merchant/events.ts";
import { jsonBody } from "../middleware/body.ts";
import { problem } from "../problem.ts";
import {
  addEndpoint,
  ENDPOINTS_MAX,
  listEndpoints,
  removeEndpoint,
} from "../read-models/webhook-endpoints.ts";

/** Deliveries on one page. */
const PAGE_MAX = 100;
const ID = /^whe_[0-9a-f]{16}$/;

const EndpointRequest = z
  .strictObject({
    url: z.string().max(2_048).openapi({ example: "https://shop.example/hooks" }),
    types: z.array(z.enum(WEBHOOK_TYPES)).min(1).max(WEBHOOK_TYPES.length),
    enabled: z.boolean().default(true),
  })
  .openapi("WebhookEndpointRequest");

const EndpointAnswer = z
  .object({ id: z.string(), url: z.string(), types: z.array(z.string()), enabled: z.boolean() })
  .openapi("WebhookEndpoint");
const WithSecret = EndpointAnswer.extend({
  secret: z.string().openapi({ description: "`whsec_` and base64, for any library of Standard Webhooks." }),
}).openapi("WebhookEndpointWithSecret");

const DeliveryAnswer = z
  .object({
    id: z.string().openapi({ description: "The `webhook-id`: the same for each try." }),
    type: z.string(),
    order: z.string().nullable(),
    version: z.int(),
    state: z.enum(DELIVERY_STATES),
    created_at: z.string(),
    tries: z.int(),
    next_try_at: z.string().nullable(),
    answer: z.string().nullable().openapi({ description: "A status, or why there was none." }),
    answered_at: z.string().nullable(),
  })
  .openapi("WebhookDelivery");

const base = "/v1/admin/webhook-endpoints";
const params = z.object({ endpoint: z.string() });
const staff = { tags: ["Staff"] };
const refused = refusals("unauthenticated", "forbidden", "not_found", "overloaded");

const create = createRoute({
  ...staff,
  method: "post",
  path: base,
  summary: "Tell a merchant's server what happens to orders",
  description: "The secret is in this answer and in no table; a rotation makes another.",
  ...forStaff("admin", jsonBody),
  request: body(EndpointRequest),
  responses: { 201: answer("The endpoint.", WithSecret), ...refused, ...refusals(...BODY_REFUSALS) },
});

const list = createRoute({
  ...staff,
  method: "get",
  path: base,
  summary: "Who is told",
  ...forStaff("viewer"),
  responses: { 200: answer("The endpoints.", z.object({ data: z.array(EndpointAnswer) })), ...refused },
});

const change = createRoute({
  ...staff,
  method: "put",
  path: `${base}/{endpoint}`,
  summary: "Change where, and of what, a merchant is told",
  ...forStaff("admin", jsonBody),
  request: { params, ...body(EndpointRequest) },
  responses: { 200: answer("The endpoint.", EndpointAnswer), ...refused, ...refusals(...BODY_REFUSALS) },
});

const remove = createRoute({
  ...staff,
  method: "delete",
  path: `${base}/{endpoint}`,
  summary: "Tell them no more",
  ...forStaff("admin"),
  request: { params },
  responses: { 204: { description: "Removed." }, ...refused },
});

const rotate = createRoute({
  ...staff,
  method: "post",
  path: `${base}/{endpoint}/rotate`,
  summary: "A new secret; the one before signs for a day as well",
  ...forStaff("admin"),
  request: { params },
  responses: { 200: answer("The endpoint.", WithSecret), ...refused },
});

const test = createRoute({
  ...staff,
  method: "post",
  path: `${base}/{endpoint}/test`,
  summary: "Send an event that means nothing",
  ...forStaff("support"),
  request: { params },
  responses: { 202: { description: "On its way." }, ...refused },
});

const deliveries = createRoute({
  ...staff,
  method: "get",
  path: `${base}/{endpoint}/deliveries`,
  summary: "What was told, newest first",
  ...forStaff("viewer"),
  request: { params, query: z.object({ cursor: z.coerce.number().int().min(1).optional() }) },
  responses: {
    200: answer(
      "The deliveries.",
      z.object({ data: z.array(DeliveryAnswer), next_cursor: z.string().nullable() }),
    ),
    ...refused,
    ...refusals("invalid_request"),
  },
});

const resend = createRoute({
  ...staff,
  method: "post",
  path: `${base}/{endpoint}/deliveries/{delivery}/resend`,
  summary: "Tell it once more",
  ...forStaff("support"),
  request: { params: params.extend({ delivery: z.string() }) },
  responses: { 202: { description: "On its way." }, ...refused },
});

export const staffWebhooks = routes()
  .openapi(create, async (c) => {
    const wanted = c.req.valid("json");
    const wrong = wrongWithUrl(wanted.url, c.env.WEBHOOK_HOSTS_ALLOWED);
    if (wrong !== null)
      return problem(c, { code: "invalid_request", errors: [{ pointer: "/url", detail: wrong }] });
    const now = Date.now();
    const endpoint: Endpoint = { ...wanted, id: idOf(), generation: 1, rotatedAt: now };
    await audit(c, { action: "webhook.create", target: endpoint.id, reason: null, detail: wanted });
    await webhookActor(c.env, endpoint.id).open(endpoint);
    if (await addEndpoint(c.env.DB, endpoint.id, c.get("staff").id, now))
      return c.json(withSecret(c, endpoint), 201);
    await webhookActor(c.env, endpoint.id).close();
    return problem(c, { code: "invalid_request", detail: `There are ${ENDPOINTS_MAX} endpoints already.` });
  })
  .openapi(list, async (c) => {
    const ids = await listEndpoints(c.env.DB);
    const known = await Promise.all(ids.map((id) => webhookActor(c.env, id).view()));
    return c.json({ data: known.filter((endpoint) => endpoint !== null).map(toWire) }, 200);
  })
  .openapi(change, async (c) => {
    const endpoint = await endpointOf(c, c.req.valid("param").endpoint);
    if (!endpoint) return problem(c, { code: "not_found" });
    const wanted = c.req.valid("json");
    const wrong = wrongWithUrl(wanted.url, c.env.WEBHOOK_HOSTS_ALLOWED);
    if (wrong !== null)
      return problem(c, { code: "invalid_request", errors: [{ pointer: "/url", detail: wrong }] });
    await audit(c, { action: "webhook.change", target: endpoint.id, reason: null, detail: wanted });
    const changed = await webhookActor(c.env, endpoint.id).change(wanted);
    return changed ? c.json(toWire(changed), 200) : problem(c, { code: "not_found" });
  })
  .openapi(remove, async (c) => {
    const { endpoint } = c.req.valid("param");
    if (!(await isListed(c, endpoint))) return problem(c, { code: "not_found" });
    await audit(c, { action: "webhook.remove", target: endpoint, reason: null, detail: null });
    // First the endpoint, then its name: what fails in between is asked for again.
    await webhookActor(c.env, endpoint).close();
    await removeEndpoint(c.env.DB, endpoint);
    return c.body(null, 204);
  })
  .openapi(rotate, async (c) => {
    const endpoint = await endpointOf(c, c.req.valid("param").endpoint);
    if (!endpoint) return problem(c, { code: "not_found" });
    await audit(c, { action: "webhook.rotate", target: endpoint.id, reason: null, detail: null });
    const rotated = await webhookActor(c.env, endpoint.id).rotate(endpoint.generation);
    return rotated ? c.json(withSecret(c, rotated), 200) : problem(c, { code: "not_found" });
  })
  .openapi(test, async (c) => {
    const endpoint = await endpointOf(c, c.req.valid("param").endpoint);
    if (!endpoint) return problem(c, { code: "not_found" });
    await webhookActor(c.env, endpoint.id).tell([testEvent(endpoint.id, Date.now())]);
    return c.body(null, 202);
  })
  .openapi(deliveries, async (c) => {
    const endpoint = await endpointOf(c, c.req.valid("param").endpoint);
    if (!endpoint) return problem(c, { code: "not_found" });
    const below = c.req.valid("query").cursor ?? Number.MAX_SAFE_INTEGER;
    const page = await webhookActor(c.env, endpoint.id).deliveries(PAGE_MAX, below);
    const next = page.next === null ? null : String(page.next);
    return c.json({ data: page.deliveries.map(deliveryToWire), next_cursor: next }, 200);
  })
  .openapi(resend, async (c) => {
    const { endpoint: id, delivery } = c.req.valid("param");
    const endpoint = await endpointOf(c, id);
    if (!endpoint) return problem(c, { code: "not_found" });
    await audit(c, { action: "webhook.resend", target: delivery, reason: null, detail: { endpoint: id } });
    const found = await webhookActor(c.env, id).resend(delivery);
    return found ? c.body(null, 202) : problem(c, { code: "not_found" });
  });

function idOf(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `whe_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

const isListed = async (c: Context<App>, id: string): Promise<boolean> =>
  ID.test(id) && (await listEndpoints(c.env.DB)).includes(id);

/** Null when there is no such endpoint, or no more. */
const endpointOf = async (c: Context<App>, id: string): Promise<Endpoint | null> =>
  (await isListed(c, id)) ? webhookActor(c.env, id).view() : null;

const toWire = ({ id, url, types, enabled }: Endpoint) => ({ id, url, types: [...types], enabled });

const withSecret = (c: Context<App>, endpoint: Endpoint) => ({
  ...toWire(endpoint),
  secret: secretOf(c.env.WEBHOOK_SECRET, endpoint.id, endpoint.generation),
});

const when = (at: number | null): string | null => (at === null ? null : iso(at));

const deliveryToWire = (delivery: Delivery) => ({
  id: delivery.id,
  type: delivery.type,
  order: delivery.order,
  version: delivery.version,
  state: delivery.state,
  created_at: iso(delivery.createdAt),
  tries: delivery.tries,
  next_try_at: when(delivery.dueAt),
  answer: delivery.answer,
  answered_at: when(delivery.answeredAt),
});
