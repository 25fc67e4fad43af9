import { refundIdOf, type RefundId } from "../../schema/ids.ts";
import type { Money } from "../../schema/money.ts";
import type { Order, OrderState, Payment, Refund } from "../../schema/order.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import { ignore, openCase, type Decision } from "./decision.ts";

/** Refunds one order may see: partial ones by staff, and the automatic ones of late and surplus money. */
const REFUNDS_MAX = 200;

/** Money of a payment that refunds have given back or promised. */
function promisedOf({ refunds }: Pick<Order, "refunds">, payment: Payment["id"]): number {
  let amount = 0;
  for (const refund of refunds)
    if (refund.payment === payment && refund.state !== "failed") amount += refund.amount.amount;
  return amount;
}

/** True when no payment's refunds exceed what was captured with it. */
export const refundsWithin = (order: Order): boolean =>
  order.payments.every(({ id, state, amount }) => {
    const promised = promisedOf(order, id);
    return promised === 0 || (state === "succeeded" && promised <= amount.amount);
  });

/** Promises a payment's money back. The refund's id is its key at the provider, so repeating the work is safe. */
export function refundPayment(
  order: Order,
  payment: Payment,
  amount: Money,
  reason: string,
  now: number,
): Decision {
  const refund: Refund = {
    id: refundIdOf(order.order, order.refunds.length + 1),
    payment: payment.id,
    state: "pending",
    amount,
    reason,
    createdAt: now,
  };
  return {
    order: { ...order, refunds: [...order.refunds, refund] },
    effects: [{ type: "refund_payment", refund: refund.id }],
  };
}

export type StaffRefusal =
  | { code: "order_state"; state: OrderState }
  | { code: "refund_exceeds_captured"; refundable: Money };

/** Staff give money back: a part, or all that is left. Never more than was captured, whatever is on its way. */
export function requestRefund(
  order: Order,
  { amount, reason }: { amount: Money | null; reason: string },
  now: number,
): Result<Decision, StaffRefusal> {
  const payment = order.payments.find(({ id }) => id === order.paidBy);
  if (!payment || order.stock === "retaking") return err({ code: "order_state", state: order.state });
  const left = payment.amount.amount - promisedOf(order, payment.id);
  const wanted = amount?.amount ?? left;
  const full = wanted <= 0 || wanted > left || order.refunds.length >= REFUNDS_MAX;
  if (full)
    return err({
      code: "refund_exceeds_captured",
      refundable: { amount: left, currency: payment.amount.currency },
    });
  return ok(
    refundPayment(order, payment, { amount: wanted, currency: payment.amount.currency }, reason, now),
  );
}

const withRefundChanged = (order: Order, id: RefundId, state: Refund["state"]): Order => ({
  ...order,
  refunds: order.refunds.map((refund) => (refund.id === id ? { ...refund, state } : refund)),
});

export function hearRefundSucceeded(order: Order, id: RefundId): Decision {
  const refund = order.refunds.find((candidate) => candidate.id === id);
  if (refund?.state !== "pending") return ignore(order);
  const after = withRefundChanged(order, id, "succeeded");
  let back = 0;
  for (const { payment, state, amount } of after.refunds)
    if (payment === order.paidBy && state === "succeeded") back += amount.amount;
  if (order.state === "refunded" || back < order.amount.amount) return { order: after, effects: [] };
  return { order: { ...after, state: "refunded", reason: refund.reason }, effects: [] };
}

/** The money stays where it is and may be asked for again; people are told. */
export function hearRefundFailed(order: Order, id: RefundId, failure: string, now: number): Decision {
  const refund = order.refunds.find((candidate) => candidate.id === id);
  if (refund?.state !== "pending") return ignore(order);
  const facts = {
    id: `refund_failed:${id}`,
    kind: "refund_failed" as const,
    payment: refund.payment,
    detail: `${refund.amount.amount} ${refund.amount.currency} (${refund.reason}): ${failure}`,
    openedAt: now,
  };
  return { order: withRefundChanged(order, id, "failed"), effects: [openCase(order, facts)] };
}
