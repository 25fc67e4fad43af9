import { sameMoney } from "../../schema/money.ts";
import type { Effect, Order, Payment, Report } from "../../schema/order.ts";
import {
  closeOthers,
  expire,
  ignore,
  isLive,
  openCase,
  withPaymentChanged,
  type Decision,
} from "./decision.ts";
import { refundPayment } from "./refunds.ts";

type Heard<Type extends Report["type"]> = Extract<Report, { type: Type }>;

/**
 * A provider may answer a question about a payment whose creation is still under way. For this long after a payment was
 * written down, "never heard of it" means "not yet".
 */
export const CREATE_GRACE_MS = 8_000;

/** A provider that has said where to pay and then denies it is asked again so much later: the denial may have been on its way. */
const DOUBT_MS = 2_000;

/** The failure of a payment that its provider said it had never heard of. */
const NOT_FOUND = "not_found";

/** The provider waits for the buyer, and said where. */
export function hearAction(
  order: Order,
  payment: Payment,
  report: Heard<"payment_action_required">,
): Decision {
  const { providerRef, action } = report;
  // Given up on while its creation hung: nobody may pay on that page any more.
  if (payment.state === "failed" && payment.failure === NOT_FOUND)
    return { order, effects: [{ type: "close_payment", payment: payment.id }] };
  if (!isLive(payment) || payment.state === "authorized") return ignore(order);
  return {
    order: withPaymentChanged(order, payment.id, { state: "requires_action", providerRef, action }),
    effects: [],
  };
}

/** The provider has it and waits. Not news, unless we did not know. */
export function hearOpen(order: Order, payment: Payment): Decision {
  if (payment.state !== "created" && payment.state !== "unknown") return ignore(order);
  return { order: withPaymentChanged(order, payment.id, { state: "requires_action" }), effects: [] };
}

/** Neither success nor failure. The clock asks again. */
export function hearUnknown(order: Order, payment: Payment): Decision {
  if (payment.state !== "created") return ignore(order);
  return { order: withPaymentChanged(order, payment.id, { state: "unknown" }), effects: [] };
}

/** The money is promised, not taken: the stock is committed first, and the money taken after that. */
export function hearAuthorized(
  order: Order,
  payment: Payment,
  report: Heard<"payment_authorized">,
  now: number,
): Decision {
  if (payment.state === "succeeded") return ignore(order);
  const mismatch = amountMismatch(order, payment, report, now);
  if (mismatch) return mismatch;
  const wanted = order.state === "paying" && isLive(payment);
  if (!wanted) return { order, effects: [{ type: "close_payment", payment: payment.id }] };
  // Asked again and still only promised: the outbox repeats the commit, and nobody else the capture.
  if (payment.state === "authorized" && order.stock !== "committed") return ignore(order);
  const next: Effect =
    order.stock === "committed"
      ? { type: "capture_payment", payment: payment.id }
      : { type: "commit_stock", take: order.take };
  if (payment.state === "authorized") return { order, effects: [next] };
  const change = { state: "authorized" as const, providerRef: report.providerRef };
  return { order: withPaymentChanged(order, payment.id, change), effects: [next] };
}

/** The money came. Whatever was believed before, it is either this order's price or it goes back. */
export function hearSucceeded(
  order: Order,
  payment: Payment,
  report: Heard<"payment_succeeded">,
  now: number,
): Decision {
  if (payment.state === "succeeded") return ignore(order);
  const mismatch = amountMismatch(order, payment, report, now);
  if (mismatch) return mismatch;

  const change = { state: "succeeded" as const, providerRef: report.providerRef, failure: null, askAt: null };
  const came = withPaymentChanged(order, payment.id, change);
  if (order.paidBy !== null) return refundPayment(came, payment, payment.amount, "duplicate_payment", now);

  const paying: Order = { ...came, paidBy: payment.id };
  if (order.state === "expired")
    return order.stock === "committed" ? giveBack(paying, payment, now) : retake(paying);
  return {
    order: { ...paying, state: "paid", reason: null },
    effects: [
      ...(order.stock === "committed" ? [] : [{ type: "commit_stock" as const, take: order.take }]),
      ...closeOthers(paying, payment.id),
    ],
  };
}

/** Late money asks for the stock again. A release that is still on its way is of an earlier take and does nothing. */
function retake(order: Order): Decision {
  const take = order.take + 1;
  return {
    order: { ...order, stock: "retaking", take },
    effects: [{ type: "retake_stock", take }, ...closeOthers(order, order.paidBy)],
    withdrawn: [`release_stock:${order.take}`],
  };
}

/** People have been told that these units lie unsold on the shelf: they may be somebody else's by now. */
function giveBack(order: Order, payment: Payment, now: number): Decision {
  const refunded = refundPayment(order, payment, payment.amount, "late_payment", now);
  return { ...refunded, effects: [...refunded.effects, ...closeOthers(order, order.paidBy)] };
}

type Ended = Heard<"payment_failed"> | Heard<"payment_closed"> | Heard<"payment_not_found">;

/** This payment will not succeed, as far as its provider knows. A success that came before, or comes later, is stronger. */
export function hearEnded(order: Order, payment: Payment, report: Ended, now: number): Decision {
  if (!isLive(payment)) return ignore(order);
  const young = payment.state === "created" && now < payment.createdAt + CREATE_GRACE_MS;
  // "Never heard of it" about money that was promised is an older answer that comes late.
  if (report.type === "payment_not_found" && (young || payment.state === "authorized")) return ignore(order);
  // So it may be about a page that was shown: its provider is asked once more before the buyer loses it.
  if (report.type === "payment_not_found" && payment.state === "requires_action") {
    const askAt = Math.min(payment.askAt ?? Infinity, now + DOUBT_MS);
    return { order: withPaymentChanged(order, payment.id, { state: "unknown", askAt }), effects: [] };
  }
  // So may news of an earlier try that was declined be, before the one that was promised: its provider is asked.
  const overtaken = report.type === "payment_failed" && report.source.via === "callback";
  if (overtaken && payment.state === "authorized")
    return { order, effects: [{ type: "query_payment", payment: payment.id }] };
  // Money that nobody wants may have been promised too: what is being closed is over when its provider says so itself.
  if (overtaken && order.state !== "paying")
    return { order, effects: [{ type: "close_payment", payment: payment.id }] };

  const ended = withPaymentChanged(order, payment.id, { ...endOf(report), askAt: null });
  if (order.state !== "paying") return { order: ended, effects: [] };
  if (now < order.payBy) return { order: { ...ended, state: "pending" }, effects: [] };
  return expire(ended, "pay_by_passed", now);
}

function endOf(report: Ended): Pick<Payment, "state" | "failure"> {
  switch (report.type) {
    case "payment_failed":
      return { state: "failed", failure: report.failure };
    case "payment_not_found":
      return { state: "failed", failure: NOT_FOUND };
    case "payment_closed":
      return { state: "cancelled", failure: null };
  }
}

/** A provider's message about another sum is never applied: people look at it. */
function amountMismatch(
  order: Order,
  payment: Payment,
  { amount }: Heard<"payment_succeeded"> | Heard<"payment_authorized">,
  now: number,
): Decision | null {
  if (sameMoney(amount, payment.amount)) return null;
  const facts = {
    id: `amount_mismatch:${payment.id}:${amount.amount}${amount.currency}`,
    kind: "amount_mismatch" as const,
    payment: payment.id,
    detail: `the provider speaks of ${amount.amount} ${amount.currency}, the payment is of ${payment.amount.amount} ${payment.amount.currency}`,
    openedAt: now,
  };
  return { order, effects: [openCase(order, facts)] };
}
