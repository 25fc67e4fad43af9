import { createRoute, z } from "@hono/zod-openapi";
import { isOrderId } from "../../schema/ids.ts";
import { ORDER_STATES, type Order, type Report } from "../../schema/order.ts";
import { orderActor } from "../actors.ts";
import { iso, orderToWire } from "../api/present.ts";
import { answer, forStaff, refusals, routes } from "../api/routes.ts";
import { Order as OrderAnswer } from "../api/schemas.ts";
import { OrderPage, Timeline } from "../api/staff-schemas.ts";
import { audit } from "../audit.ts";
import { readOrder } from "../checkout/read.ts";
import { problem } from "../problem.ts";
import { providerOf } from "../providers/registry.ts";
import { paymentReport, purchaseOf } from "../providers/reports.ts";
import { listOrders } from "../read-models/orders.ts";

const params = z.object({ order: z.string() });
const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;

const list = createRoute({
  method: "get",
  path: "/v1/admin/orders",
  tags: ["Staff"],
  summary: "Orders, newest first, as D1 knows them",
  ...forStaff("support"),
  request: {
    query: z.strictObject({
      state: z.enum(ORDER_STATES).optional(),
      sale: z.string().max(64).optional(),
      buyer: z.string().max(128).optional(),
      q: z
        .string()
        .max(128)
        .optional()
        .openapi({ description: "An id of an order, payment or refund, the provider's id, or a buyer." }),
      cursor: z.string().max(200).optional(),
      limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
    }),
  },
  responses: {
    200: answer("A page of orders.", OrderPage),
    ...refusals("invalid_request", "unauthenticated", "forbidden", "overloaded"),
  },
});

const timeline = createRoute({
  method: "get",
  path: "/v1/admin/orders/{order}/timeline",
  tags: ["Staff"],
  summary: "Everything that happened to an order, in order",
  ...forStaff("support"),
  request: { params },
  responses: {
    200: answer("Reports, transitions and effects.", Timeline),
    ...refusals("unauthenticated", "forbidden", "not_found"),
  },
});

const HistoryPage = z.object({
  data: z.array(
    z.object({
      seq: z.int(),
      at: z.int(),
      kind: z.enum(["report", "transition", "effect"]),
      type: z.string(),
      detail: z.string().openapi({ description: "JSON, as it was hashed." }),
      prev: z.string(),
      hash: z.string(),
    }),
  ),
});

const history = createRoute({
  method: "get",
  path: "/v1/admin/orders/{order}/history",
  tags: ["Staff"],
  summary: "An order's hash-chained history, from an entry on; the last page is empty",
  description: "Empty for an order that nothing has happened to: its home SKU's journal knows of it.",
  ...forStaff("admin"),
  request: { params, query: z.object({ after: z.coerce.number().int().min(0).default(0) }) },
  responses: {
    200: answer("Entries as they are on disk.", HistoryPage),
    ...refusals("unauthenticated", "forbidden", "not_found", "invalid_request"),
  },
});

const query = createRoute({
  method: "post",
  path: "/v1/admin/orders/{order}/query",
  tags: ["Staff"],
  summary: "Ask the provider now",
  ...forStaff("support"),
  request: { params },
  responses: {
    200: answer("The order afterwards.", OrderAnswer),
    ...refusals("unauthenticated", "forbidden", "not_found"),
  },
});

export const staffOrders = routes()
  .openapi(list, async (c) => {
    const { state, sale, buyer, q, cursor, limit } = c.req.valid("query");
    const page = await listOrders(c.env.DB, {
      state: state ?? null,
      sale: sale ?? null,
      buyer: buyer ?? null,
      q: q ?? null,
      cursor: cursor ?? null,
      limit,
    });
    if (!page)
      return problem(c, {
        code: "invalid_request",
        errors: [{ pointer: "/query/cursor", detail: "is not a cursor of ours" }],
      });
    const { orders, nextCursor, asOf } = page;
    return c.json(
      { data: orders.map(orderToWire), next_cursor: nextCursor, as_of: asOf === null ? null : iso(asOf) },
      200,
    );
  })
  .openapi(timeline, async (c) => {
    const { order: id } = c.req.valid("param");
    const order = await readOrder(c.env, id);
    if (!order) return problem(c, { code: "not_found" });
    const entries = await orderActor(c.env, order.order).timeline();
    const data = [placedEntry(order), ...entries].map((entry) => ({ ...entry, at: iso(entry.at) }));
    return c.json({ order: order.order, data }, 200);
  })
  .openapi(history, async (c) => {
    const { order: id } = c.req.valid("param");
    if (!isOrderId(id)) return problem(c, { code: "not_found" });
    const data = await orderActor(c.env, id).history(c.req.valid("query").after);
    return c.json({ data: [...data] }, 200);
  })
  .openapi(query, async (c) => {
    const { order: id } = c.req.valid("param");
    const order = isOrderId(id) ? await readOrder(c.env, id) : null;
    if (!order) return problem(c, { code: "not_found" });
    await audit(c, { action: "order.query", target: id, reason: null, detail: null });
    await askProviders(c.env, order);
    return c.json(orderToWire((await readOrder(c.env, id)) ?? order), 200);
  });

/** The beginning of every timeline: what the order's own actor was not there to see. */
const placedEntry = (order: Order) => ({
  seq: 0,
  at: order.createdAt,
  kind: "transition" as const,
  type: "pending",
  detail: { from: null, amount: order.amount, pay_by: iso(order.payBy) },
});

/** Asks about every payment that is not finished, and tells the order what was said. */
async function askProviders(env: Env, order: Order): Promise<void> {
  const open = order.payments.filter(({ state }) => !["succeeded", "failed", "cancelled"].includes(state));
  const reports = await Promise.all(
    open.map(async (payment): Promise<Report | null> => {
      const outcome = await providerOf(env, payment)?.query(payment, purchaseOf(order));
      return outcome ? paymentReport(payment.id, outcome, { via: "query" }) : null;
    }),
  );
  const heard = reports.filter((report) => report !== null);
  if (heard.length > 0) await orderActor(env, order.order).report(heard);
}
