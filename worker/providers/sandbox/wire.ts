import * as z from "zod";
import { isPaymentId, isRefundId, orderOf, type OrderId } from "../../../schema/ids.ts";
import { err, ok, type Result } from "../../../schema/result.ts";
import { MAIN_ACCOUNT, type Report } from "../../../schema/order.ts";
import { jsonOf } from "../../json.ts";
import type { Shown } from "./desk.ts";
import type { Method, Notice, NoticeRefusal, PaymentOutcome } from "../port.ts";

/** The sandbox bank's vocabulary, and what it means. A word that is not here is `unknown`, today and next year. */

/** A way to pay, in the bank's words; its transfer is the default. */
const WAYS = ["bank", "card"] as const;
export const METHODS = WAYS.map((name): Method => ({
  name,
  currencies: null,
  devices: null,
  payer: null,
  creationsPerSecond: null,
}));
export const wayOf = (method: string | null): (typeof WAYS)[number] =>
  WAYS.find((known) => known === method) ?? "bank";

const MEANING = new Map<string, "open" | "authorized" | "succeeded" | "failed" | "closed">([
  ["requires_action", "open"],
  ["authorized", "authorized"],
  ["succeeded", "succeeded"],
  ["failed", "failed"],
  ["closed", "closed"],
]);

export function outcomeOf({ state, id, amount }: Shown): PaymentOutcome {
  const kind = MEANING.get(state);
  switch (kind) {
    case undefined:
      return { kind: "unknown", cause: `the bank says "${state}"` };
    case "open":
      return { kind, providerRef: id };
    case "authorized":
    case "succeeded":
      return { kind, providerRef: id, amount };
    case "failed":
      return { kind, failure: "declined" };
    case "closed":
      return { kind };
  }
}

/** The bank's own ids: short enough to be kept and logged. */
const BankId = z.string().regex(/^[\x21-\x7e]{1,100}$/);

/** What we read of a callback. The bank may one day say more: that is no reason to refuse it. */
const CallbackBody = z.object({
  id: BankId,
  type: z.string().max(100),
  created: z.int(),
  data: z.object({
    payment: BankId,
    reference: z.string().max(100),
    order: z.string().max(100),
    amount: z.int(),
    currency: z.string().regex(/^[A-Z]{3}$/),
  }),
});

/** Reads a callback whose signature is right. */
export function noticeOf(text: string): Result<Notice, NoticeRefusal> {
  const parsed = CallbackBody.safeParse(jsonOf(text));
  if (!parsed.success)
    return err({ code: "invalid_request", detail: "The body is not a callback of the sandbox bank." });
  const { id: event, type, data } = parsed.data;
  const { reference } = data;
  if (!isPaymentId(reference) && !isRefundId(reference))
    return err({ code: "invalid_request", detail: "The reference is not one of ours." });
  const order = orderOf(reference);
  if (data.order !== order)
    return err({ code: "invalid_request", detail: "The reference is of another order." });
  const report = reportOf(type, event, data);
  return report
    ? ok({ event, order: order satisfies OrderId, report })
    : err({ code: "invalid_request", detail: `"${type}" is not known.` });
}

function reportOf(type: string, event: string, data: z.infer<typeof CallbackBody>["data"]): Report | null {
  const { reference, payment: providerRef, amount, currency } = data;
  const source = { via: "callback", event, provider: "sandbox", account: MAIN_ACCOUNT } as const;
  if (isRefundId(reference)) {
    if (type === "refund.succeeded") return { type: "refund_succeeded", refund: reference, source };
    return type === "refund.failed"
      ? { type: "refund_failed", refund: reference, failure: "refused", source }
      : null;
  }
  if (!isPaymentId(reference)) return null;
  switch (type) {
    case "payment.authorized":
      return {
        type: "payment_authorized",
        payment: reference,
        providerRef,
        amount: { amount, currency },
        source,
      };
    case "payment.succeeded":
      return {
        type: "payment_succeeded",
        payment: reference,
        providerRef,
        amount: { amount, currency },
        source,
      };
    case "payment.failed":
      return { type: "payment_failed", payment: reference, failure: "declined", source };
    case "payment.closed":
      return { type: "payment_closed", payment: reference, source };
    default:
      return null;
  }
}
