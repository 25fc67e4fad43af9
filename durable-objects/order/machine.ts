import { paymentIdOf, type PaymentId, type RefundId } from "../../schema/ids.ts";
import type {
  Order,
  OrderState,
  Payment,
  Refund,
  Report,
  StartRefusal,
  StartRequest,
} from "../../schema/order.ts";
import { err, ok, unreachable, type Result } from "../../schema/result.ts";
import {
  hearAction,
  hearAuthorized,
  hearEnded,
  hearOpen,
  hearSucceeded,
  hearUnknown,
} from "./hear-payment.ts";
import { assertLegal } from "./legality.ts";
import { hearRefundFailed, hearRefundSucceeded } from "./refunds.ts";
import { hearCommitted, hearGone, hearReleased, hearRetaken } from "./stock.ts";
import { firstAskAt, passTime, queryNow } from "./time.ts";
import { expire, ignore, isLive, openCase, type Decision } from "./decision.ts";

/** Payments one order may see. A buyer who needs more has a problem that another try does not solve. */
export const PAYMENTS_MAX = 50;

/**
 * What an order becomes, and what it asks for, when it hears a report. Pure: the same order, report and time give the same
 * answer, whichever way and however often they arrive.
 */
export function decide(order: Order, report: Report, now: number): Decision {
  return finish(order, fromAnother(order, report, now) ?? hear(order, report, now), now);
}

function hear(order: Order, report: Report, now: number): Decision {
  switch (report.type) {
    case "payment_action_required":
      return withPayment(order, report, now, (payment) => hearAction(order, payment, report));
    case "payment_open":
      return withPayment(order, report, now, (payment) => hearOpen(order, payment));
    case "payment_unknown":
      return withPayment(order, report, now, (payment) => hearUnknown(order, payment));
    case "payment_authorized":
      return withPayment(order, report, now, (payment) => hearAuthorized(order, payment, report, now));
    case "payment_succeeded":
      return withPayment(order, report, now, (payment) => hearSucceeded(order, payment, report, now));
    case "payment_failed":
    case "payment_closed":
    case "payment_not_found":
      return withPayment(order, report, now, (payment) => hearEnded(order, payment, report, now));
    case "stock_committed":
      return hearCommitted(order, now);
    case "stock_retaken":
      return hearRetaken(order, report.take);
    case "stock_released":
      return hearReleased(order, report, now);
    case "stock_gone":
      return hearGone(order, report.take, now);
    case "refund_succeeded":
      return hearRefundSucceeded(order, report.refund, now);
    case "refund_failed":
      return hearRefundFailed(order, report.refund, report.failure, now);
    case "query_requested":
      return queryNow(order, now);
    case "clock_ticked":
      return passTime(order, now);
    // The work they answer is settled by its name; nothing else depends on them.
    case "refund_unknown":
    case "projected":
    case "case_opened":
      return ignore(order);
    default:
      return unreachable(report);
  }
}

/** A callback counts only from where the payment was made: each account has its own keys, and speaks of its own money only. */
function fromAnother(order: Order, report: Report, now: number): Decision | null {
  if (!("source" in report) || report.source.via !== "callback") return null;
  const { provider, account } = report.source;
  const about = "payment" in report ? report.payment : paymentOfRefund(order, report.refund);
  const payment = order.payments.find(({ id }) => id === about);
  if (!payment || (payment.provider === provider && payment.account === account)) return null;
  const facts = {
    id: `wrong_account:${payment.id}:${provider}/${account}`,
    kind: "wrong_account" as const,
    payment: payment.id,
    detail: `${provider}/${account} says ${report.type} of a payment made at ${payment.provider}/${payment.account}`,
    openedAt: now,
  };
  return { order, effects: [openCase(order, facts)] };
}

const paymentOfRefund = ({ refunds }: Order, refund: RefundId): PaymentId | undefined =>
  refunds.find(({ id }) => id === refund)?.payment;

type PaymentReport = Extract<Report, { payment: PaymentId }>;

/** A report about a payment that this order never started is somebody's money without a home. */
function withPayment(
  order: Order,
  report: PaymentReport,
  now: number,
  then: (payment: Payment) => Decision,
): Decision {
  const payment = order.payments.find(({ id }) => id === report.payment);
  if (payment) return then(payment);
  const open = {
    id: `unknown_payment:${report.payment}`,
    kind: "unknown_payment" as const,
    order: order.order,
    payment: report.payment,
    detail: `${report.type} for a payment that was never started`,
    openedAt: now,
  };
  return { order, effects: [{ type: "open_case", case: open }] };
}

/** The buyer wants to pay. The payment is written down before anybody is called. */
export function start(order: Order, request: StartRequest, now: number): Result<Decision, StartRefusal> {
  const live = order.payments.find(isLive);
  if (order.state === "paying" && live) return err({ code: "payment_in_progress", payment: live.id });
  if (order.state === "expired" || (order.state === "pending" && now >= order.payBy))
    return err({ code: "order_expired" });
  if (order.state !== "pending" || order.payments.length >= PAYMENTS_MAX)
    return err({ code: "order_state", state: order.state });
  const createdAt = Math.max(now, request.createAt ?? now);
  const payBy = order.payBy + (createdAt - now);
  const inLine = createdAt > now;
  const payment: Payment = {
    id: paymentIdOf(order.order, order.payments.length + 1),
    provider: request.provider,
    account: request.account,
    method: request.method,
    state: "created",
    amount: order.amount,
    createdAt,
    inLine,
    returnUrl: request.returnUrl,
    payer: request.payer,
    callbackUrl: request.callbackUrl,
    providerRef: null,
    action: null,
    failure: null,
    asks: 0,
    askAt: inLine ? createdAt : firstAskAt(now, payBy),
  };
  const after: Order = { ...order, state: "paying", payBy, payments: [...order.payments, payment] };
  return ok(finish(order, { order: after, effects: [] }, now));
}

/** The buyer gives the stock back. Only while nobody may be paying. */
export function cancel(
  order: Order,
  now: number,
): Result<Decision, { code: "order_state"; state: OrderState }> {
  if (order.state === "expired" && order.reason === "cancelled") return ok(ignore(order));
  if (order.state !== "pending") return err({ code: "order_state", state: order.state });
  if (now >= order.payBy) return err({ code: "order_state", state: "expired" });
  return ok(finish(order, expire(order, "cancelled", now), now));
}

/** Whether anyone outside can see a difference: that is a new version. */
const looksAlike = (a: Order, b: Order): boolean =>
  a.state === b.state &&
  a.reason === b.reason &&
  a.paidBy === b.paidBy &&
  lookAlike(a.payments, b.payments) &&
  lookAlike(a.refunds, b.refunds);

const lookAlike = (a: readonly (Payment | Refund)[], b: readonly (Payment | Refund)[]): boolean =>
  a === b ||
  (a.length === b.length && a.every(({ id, state }, at) => id === b[at]?.id && state === b[at].state));

/** The only door out of a decision: it counts the version and refuses what must never be stored. */
export function finish(before: Order, { order: after, ...rest }: Decision, now: number): Decision {
  const order = looksAlike(before, after)
    ? after
    : { ...after, version: before.version + 1, updatedAt: Math.max(now, before.updatedAt) };
  assertLegal(before, order);
  return { order, ...rest, withdrawn: [...(rest.withdrawn ?? []), ...outdated(before, order)] };
}

/**
 * Questions about payments and refunds whose fate is known now, and captures that nobody wants any more. A commit of stock is
 * not withdrawn: it may have happened, and only its answer tells.
 */
function outdated(before: Order, after: Order): string[] {
  const stopped = before.state === "paying" && after.state !== "paying";
  const keys: string[] = [];
  for (const { id } of before.payments.filter(isLive)) {
    const settled = after.payments.some((payment) => payment.id === id && !isLive(payment));
    if (settled) keys.push(`create_payment:${id}`, `query_payment:${id}`, `close_payment:${id}`);
    if (settled || stopped) keys.push(`capture_payment:${id}`);
  }
  for (const { id, state } of before.refunds)
    if (state === "pending" && after.refunds.some((refund) => refund.id === id && refund.state !== "pending"))
      keys.push(`refund_payment:${id}`);
  return keys;
}
