import type { Order, Refund, RefundRequest, Report, StartRequest } from "../../schema/order.ts";
import type { LogFields } from "../log.ts";

/** What an order was told, as its history keeps it. */
export interface Heard {
  readonly type: string;
  readonly detail: unknown;
}

/** What staff may read of a report: everything but the buyer's way to pay, which is a key to the payment. */
export function told(report: Report): Heard {
  const { type, ...facts } = report;
  if (!("action" in facts)) return { type, detail: facts };
  const { action, ...rest } = facts;
  return { type, detail: { ...rest, action: action.type } };
}

export function paymentStarted(payment: string, request: StartRequest): Heard {
  const { provider, account, method, callbackUrl } = request;
  return { type: "payment_started", detail: { payment, provider, account, method, callbackUrl } };
}

export const cancelRequested: Heard = { type: "cancel_requested", detail: {} };

export function refundRequested({ id: refund, amount }: Refund, { reason, by }: RefundRequest): Heard {
  return { type: "refund_requested", detail: { refund, amount, reason, by } };
}

/** The log line of an order that has gone from one state to another: who, from where to where, and why. */
export function transitionLine(
  { state: from }: Order,
  { order, sale, state: to, reason, version }: Order,
  cause: string,
): LogFields & { event: string } {
  return { event: "order_transition", order, sale, from, to, reason, version, cause };
}
