import { refundIdOf, type RefundId } from "../../schema/ids.ts";
import { money, type Money } from "../../schema/money.ts";
import {
  refundedOf,
  type Effect,
  type Order,
  type OrderState,
  type Payment,
  type Refund,
  type RefundRequest,
} from "../../schema/order.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import { ignore, openCase, type Decision } from "./decision.ts";

/** Refunds staff may ask for. Late and surplus money comes on top, and all of them fit one message. */
const REFUNDS_MAX = 50;

/** Money of a payment that refunds have given back or promised. */
function promisedOf({ refunds }: Pick<Order, "refunds">, payment: Payment["id"]): number {
  let amount = 0;
  for (const refund of refunds)
    if (refund.payment === payment && refund.state !== "failed") amount += refund.amount.amount;
  return amount;
}

/** What a payment can still give back. */
export const leftOf = (order: Pick<Order, "refunds">, { id, amount }: Payment): Money =>
  money(amount.amount - promisedOf(order, id), amount.currency);

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
  | { code: "unknown_refund" }
  | { code: "order_state"; state: OrderState }
  | { code: "refund_exceeds_captured"; refundable: Money };

/** Staff give money back: a part, or all that is left. Never more than was captured, whatever is on its way. */
export function requestRefund(
  order: Order,
  { amount, reason, again }: Pick<RefundRequest, "amount" | "reason" | "again">,
  now: number,
): Result<Decision, StaffRefusal> {
  const failed = order.refunds.find(({ id, state }) => id === again && state === "failed");
  if (again !== undefined && !failed) return err({ code: "unknown_refund" });
  // Late and surplus money is of other payments than the one that pays for the order.
  const payment = order.payments.find(({ id }) => id === (failed?.payment ?? order.paidBy));
  if (!payment || order.stock === "retaking") return err({ code: "order_state", state: order.state });
  const left = leftOf(order, payment);
  const wanted = failed?.amount ?? amount ?? left;
  const tooMuch = wanted.amount <= 0 || wanted.amount > left.amount || wanted.currency !== left.currency;
  if (tooMuch || order.refunds.length >= REFUNDS_MAX)
    return err({ code: "refund_exceeds_captured", refundable: left });
  return ok(refundPayment(order, payment, wanted, reason, now));
}

const withRefundChanged = (order: Order, id: RefundId, state: Refund["state"]): Order => ({
  ...order,
  refunds: order.refunds.map((refund) => (refund.id === id ? { ...refund, state } : refund)),
});

/** The money is back with the buyer, also when a failure had been reported before. */
export function hearRefundSucceeded(order: Order, id: RefundId, now: number): Decision {
  const refund = order.refunds.find((candidate) => candidate.id === id);
  if (!refund || refund.state === "succeeded") return ignore(order);
  const after = withRefundChanged(order, id, "succeeded");
  if (!refundsWithin(after)) {
    const detail =
      "succeeded after it had failed, and its money had been promised again: more went back than came";
    return { order, effects: [refundCase(order, refund, { id: `refund_exceeded:${id}`, detail, now })] };
  }
  const whole = refundedOf(after).amount >= order.amount.amount;
  if (order.paidBy === null || order.state === "refunded" || !whole) return { order: after, effects: [] };
  return { order: { ...after, state: "refunded", reason: refund.reason }, effects: [] };
}

/** The money stays where it is and may be asked for again; people are told. A failure after a success is for them alone. */
export function hearRefundFailed(order: Order, id: RefundId, failure: string, now: number): Decision {
  const refund = order.refunds.find((candidate) => candidate.id === id);
  if (!refund || refund.state === "failed") return ignore(order);
  const told = refundCase(order, refund, { id: `refund_failed:${id}`, detail: failure, now });
  const after = refund.state === "pending" ? withRefundChanged(order, id, "failed") : order;
  return { order: after, effects: [told] };
}

function refundCase(
  order: Order,
  { payment, amount, reason }: Refund,
  { id, detail, now }: { id: string; detail: string; now: number },
): Effect {
  const what = `${amount.amount} ${amount.currency} (${reason}): ${detail}`;
  return openCase(order, { id, kind: "refund_failed", payment, detail: what, openedAt: now });
}
