import { createRoute, z } from "@hono/zod-openapi";
import { mayActAs } from "../../schema/staff.ts";
import { orderToWire, startedPaymentToWire } from "../api/present.ts";
import {
  answer,
  body,
  BODY_REFUSALS,
  BUYER,
  KEY_HEADER,
  KEY_REFUSALS,
  refusals,
  routes,
  byStaff,
} from "../api/routes.ts";
import { Order, OrderRequest, PaymentRequest, StartedPayment } from "../api/schemas.ts";
import { cancelOrder } from "../checkout/cancel.ts";
import { startPayment } from "../checkout/pay.ts";
import { placeOrder } from "../checkout/place.ts";
import { readOrder } from "../checkout/read.ts";
import { admit } from "../middleware/admit.ts";
import { jsonBody } from "../middleware/body.ts";
import { buyer, buyerOf, requireBuyer } from "../middleware/buyer.ts";
import { idempotencyKey, replayedHeader, requireIdempotencyKey } from "../middleware/idempotency-key.ts";
import { addressOf, limitBuyer } from "../middleware/rate-limit.ts";
import { staffOf } from "../middleware/staff.ts";
import { problem } from "../problem.ts";
import { reply } from "../reply.ts";

const params = z.object({ order: z.string().openapi({ example: "ord_01kbp3x9a1f6m2q8wr0e5tnh7c" }) });

const place = createRoute({
  method: "post",
  path: "/v1/orders",
  tags: ["Orders"],
  summary: "Place an order: all of its lines, or none",
  security: BUYER,
  parameters: [KEY_HEADER],
  middleware: [admit(requireBuyer, limitBuyer, requireIdempotencyKey, jsonBody)] as const,
  request: body(OrderRequest),
  responses: {
    201: answer("The order; its units are held until `pay_by`. A replay is answered with the same.", Order, {
      Location: { description: "The order." },
      "Idempotent-Replayed": { description: "`true` on a replay." },
    }),
    ...refusals(
      ...BODY_REFUSALS,
      ...KEY_REFUSALS,
      "unauthenticated",
      "origin_refused",
      "not_found",
      "sold_out",
      "purchase_limit",
      "sale_not_open",
      "sale_closed",
      "idempotency_in_flight",
      "rate_limited",
      "overloaded",
    ),
  },
});

const read = createRoute({
  method: "get",
  path: "/v1/orders/{order}",
  tags: ["Orders"],
  summary: "An order as it is now",
  security: [...BUYER, ...byStaff("viewer")],
  request: { params },
  responses: { 200: answer("The order.", Order), ...refusals("unauthenticated", "not_found") },
});

const pay = createRoute({
  method: "post",
  path: "/v1/orders/{order}/payments",
  tags: ["Orders"],
  summary: "Start a payment",
  security: BUYER,
  parameters: [KEY_HEADER],
  middleware: [admit(requireBuyer, limitBuyer, requireIdempotencyKey, jsonBody)] as const,
  request: { params, ...body(PaymentRequest) },
  responses: {
    201: answer("What the buyer has to do next.", StartedPayment),
    ...refusals(
      ...BODY_REFUSALS,
      ...KEY_REFUSALS,
      "unauthenticated",
      "origin_refused",
      "not_found",
      "order_expired",
      "order_state",
      "payment_in_progress",
      "rate_limited",
      "overloaded",
      "provider_unavailable",
    ),
  },
});

const cancel = createRoute({
  method: "post",
  path: "/v1/orders/{order}/cancel",
  tags: ["Orders"],
  summary: "Give the units back",
  security: BUYER,
  middleware: [admit(requireBuyer, limitBuyer)] as const,
  request: { params },
  responses: {
    200: answer("The order, now `expired` with the reason `cancelled`.", Order),
    ...refusals("unauthenticated", "origin_refused", "not_found", "order_state", "rate_limited"),
  },
});

export const orders = routes()
  .openapi(place, async (c) => {
    const { sale, lines } = c.req.valid("json");
    const placed = await placeOrder(c.env, { buyer: buyer(c), sale, lines, key: idempotencyKey(c) });
    if (!placed.ok) return problem(c, placed.error);
    const { order, replayed } = placed.value;
    c.set("logged", { order: order.order, to: "pending", replayed });
    return reply(c, orderToWire(order), 201, {
      Location: `/v1/orders/${order.order}`,
      ...replayedHeader(replayed),
    });
  })
  .openapi(read, async (c) => {
    const mine = await buyerOf(c);
    const staff = mine === null ? await staffOf(c) : null;
    if (mine === null && !staff) return problem(c, { code: "unauthenticated" });
    const order = await readOrder(c.env, c.req.valid("param").order);
    if (!order) return problem(c, { code: "not_found" });
    const visible = order.buyer === mine || (staff !== null && mayActAs(staff.role, "viewer"));
    return visible ? reply(c, orderToWire(order), 200) : problem(c, { code: "not_found" });
  })
  .openapi(pay, async (c) => {
    const { provider, method, return_url, openid } = c.req.valid("json");
    const started = await startPayment(c.env, {
      order: c.req.valid("param").order,
      buyer: buyer(c),
      provider,
      method: method ?? null,
      returnUrl: return_url ?? null,
      payer: { address: addressOf(c), openid: openid ?? null },
      key: idempotencyKey(c),
      origin: new URL(c.req.url).origin,
    });
    if (!started.ok) return problem(c, started.error);
    const { order, payment, replayed } = started.value;
    c.set("logged", { order: order.order, payment: payment.id, replayed });
    return reply(c, startedPaymentToWire(order, payment), 201, replayedHeader(replayed));
  })
  .openapi(cancel, async (c) => {
    const cancelled = await cancelOrder(c.env, c.req.valid("param").order, buyer(c));
    if (!cancelled.ok) return problem(c, cancelled.error);
    c.set("logged", { order: cancelled.value.order });
    return reply(c, orderToWire(cancelled.value), 200);
  });
