import type { PaymentId, RefundId } from "../../schema/ids.ts";
import type { Placement, Report, Source } from "../../schema/order.ts";
import { unreachable } from "../../schema/result.ts";
import type { PaymentOutcome, Purchase, RefundOutcome } from "./port.ts";

/** What the order wants to be paid for, as a provider hears it. */
export const purchaseOf = ({ order, lines, payBy }: Placement): Purchase => ({
  order,
  description: lines.map(({ name, quantity }) => `${quantity} x ${name}`).join(", "),
  payBy,
});

/** What a provider said about a payment, as the order hears it. */
export function paymentReport(payment: PaymentId, outcome: PaymentOutcome, source: Source): Report {
  switch (outcome.kind) {
    case "action_required": {
      const { providerRef, action } = outcome;
      return { type: "payment_action_required", payment, providerRef, action, source };
    }
    case "open":
      return { type: "payment_open", payment, source };
    case "authorized":
    case "succeeded": {
      const { kind, providerRef, amount } = outcome;
      return { type: `payment_${kind}`, payment, providerRef, amount, source };
    }
    case "failed":
      return { type: "payment_failed", payment, failure: outcome.failure, source };
    case "closed":
      return { type: "payment_closed", payment, source };
    case "not_found":
      return { type: "payment_not_found", payment, source };
    case "unknown":
      return { type: "payment_unknown", payment, cause: outcome.cause, source };
    default:
      return unreachable(outcome);
  }
}

/** What a provider said about a refund; null while it has nothing final to say. */
export function refundReport(refund: RefundId, outcome: RefundOutcome, source: Source): Report | null {
  switch (outcome.kind) {
    case "succeeded":
      return { type: "refund_succeeded", refund, source };
    case "failed":
      return { type: "refund_failed", refund, failure: outcome.failure, source };
    case "unknown":
      return { type: "refund_unknown", refund, cause: outcome.cause, source };
    case "not_found":
      return { type: "refund_unknown", refund, cause: "not_found", source };
    case "pending":
      return null;
    default:
      return unreachable(outcome);
  }
}
