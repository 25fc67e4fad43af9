import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { OrderId } from "../../schema/ids.ts";
import type { RefundRequest } from "../../schema/order.ts";
import { orderActor } from "../actors.ts";
import type { App } from "../app-env.ts";
import { refundToWire } from "../api/present.ts";
import {
  answer,
  body,
  BODY_REFUSALS,
  KEY_HEADER,
  KEY_REFUSALS,
  forStaff,
  refusals,
  routes,
} from "../api/routes.ts";
import { Refund } from "../api/schemas.ts";
import { RefundRequest as RefundBody } from "../api/staff-schemas.ts";
import { audit } from "../audit.ts";
import { fingerprintOf } from "../checkout/fingerprint.ts";
import { readOrder } from "../checkout/read.ts";
import { jsonBody } from "../middleware/body.ts";
import { idempotencyKey, replayedHeader, requireIdempotencyKey } from "../middleware/idempotency-key.ts";
import { problem } from "../problem.ts";
import { reply } from "../reply.ts";

const params = z.object({ order: z.string() });

const refund = createRoute({
  method: "post",
  path: "/v1/admin/orders/{order}/refunds",
  tags: ["Staff"],
  summary: "Give money back: all that is left, or a part",
  parameters: [KEY_HEADER],
  ...forStaff("finance", requireIdempotencyKey, jsonBody),
  request: { params, ...body(RefundBody) },
  responses: {
    202: answer("The refund, on its way to the provider.", Refund),
    ...refusals(
      ...BODY_REFUSALS,
      ...KEY_REFUSALS,
      "unauthenticated",
      "forbidden",
      "not_found",
      "order_state",
      "refund_exceeds_captured",
    ),
  },
});

const retryRefund = createRoute({
  method: "post",
  path: "/v1/admin/orders/{order}/refunds/{refund}/retry",
  tags: ["Staff"],
  summary: "Make a refund that has failed again: the same money of the same payment, as a new refund",
  parameters: [KEY_HEADER],
  ...forStaff("finance", requireIdempotencyKey),
  request: { params: params.extend({ refund: z.string() }) },
  responses: {
    202: answer("The new refund, on its way to the provider.", Refund),
    ...refusals(
      ...KEY_REFUSALS,
      "unauthenticated",
      "forbidden",
      "not_found",
      "order_state",
      "refund_exceeds_captured",
    ),
  },
});

export const staffRefunds = routes()
  .openapi(refund, async (c) => {
    const { order: id } = c.req.valid("param");
    const { amount = null, reason } = c.req.valid("json");
    const order = await readOrder(c.env, id);
    if (!order) return problem(c, { code: "not_found" });
    if (amount && amount.currency !== order.amount.currency)
      return problem(c, {
        code: "invalid_request",
        errors: [{ pointer: "/amount/currency", detail: `the order is in ${order.amount.currency}` }],
      });

    await audit(c, { action: "order.refund", target: id, reason, detail: { amount } });
    const fingerprint = fingerprintOf(amount && [amount.amount, amount.currency], reason);
    return giveBack(c, order.order, { amount, reason, fingerprint });
  })
  .openapi(retryRefund, async (c) => {
    const { order: id, refund: failed } = c.req.valid("param");
    const order = await readOrder(c.env, id);
    const again = order?.refunds.find((candidate) => candidate.id === failed);
    if (!order || !again) return problem(c, { code: "not_found" });
    const { reason } = again;
    await audit(c, { action: "order.refund_retry", target: id, reason, detail: { refund: failed } });
    const fingerprint = fingerprintOf("again", failed);
    return giveBack(c, order.order, { amount: null, reason, again: again.id, fingerprint });
  });

/** Asks an order to give money back, and says what it said. */
async function giveBack(
  c: Context<App>,
  id: OrderId,
  wanted: Pick<RefundRequest, "amount" | "reason" | "again" | "fingerprint">,
) {
  const key = idempotencyKey(c);
  const refunded = await orderActor(c.env, id).refund({ ...wanted, by: c.get("staff").id, key });
  if (refunded.ok) {
    const { refund: made, replayed } = refunded.value;
    // As it was first answered, which a replay repeats; the order tells what has become of it since.
    return reply(c, refundToWire({ ...made, state: "pending" }), 202, replayedHeader(replayed));
  }
  const { error } = refunded;
  switch (error.code) {
    case "unknown_order":
      return problem(c, { code: "order_state", detail: "Nothing was ever paid for this order." });
    case "unknown_refund":
      return problem(c, { code: "order_state", detail: "That refund has not failed." });
    case "order_state":
      return problem(c, {
        code: "order_state",
        detail: `The order is ${error.state}; nothing was captured.`,
      });
    case "refund_exceeds_captured": {
      const { amount: left, currency } = error.refundable;
      return problem(c, {
        code: error.code,
        detail: `At most ${left} minor units of ${currency} are left to refund.`,
      });
    }
    default:
      return problem(c, { code: error.code });
  }
}
