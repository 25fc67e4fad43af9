import type Stripe from "stripe";
import * as z from "zod";
import { isPaymentId, isRefundId, orderOf } from "../../../schema/ids.ts";
import { money } from "../../../schema/money.ts";
import type { PaymentAction, Source } from "../../../schema/order.ts";
import { err, ok, type Result } from "../../../schema/result.ts";
import { jsonOf } from "../../json.ts";
import type { Method, Notice, NoticeRefusal, PaymentOutcome, RefundOutcome } from "../port.ts";
import { unknown, type Unknown } from "../unknown.ts";
import { paymentReport, refundReport } from "../reports.ts";

/** Stripe's vocabulary, and what it means. A word that is not here is `unknown`, today and next year. */

/**
 * Currencies whose minor unit Stripe counts in another way than ISO 4217: kept to whole units, or to tens of thousandths
 * (docs.stripe.com/currencies, "Special cases" and "Three-decimal currencies"). They are not offered rather than miscounted.
 */
const COUNTED_OTHERWISE = new Set(["ISK", "UGX", "MGA", "HUF", "TWD", "BHD", "JOD", "KWD", "OMR", "TND"]);
const CURRENCIES = Intl.supportedValuesOf("currency").filter((code) => !COUNTED_OTHERWISE.has(code));

/** Stripe's hosted page is the default; `card` is for shops that have Stripe's own element on a page of theirs. */
export const methodsAt = (creationsPerSecond: number): readonly Method[] =>
  ["checkout", "card"].map((name) => ({
    name,
    currencies: CURRENCIES,
    devices: name === "card" ? [] : null,
    payer: null,
    creationsPerSecond,
  }));

/** What a payment is at Stripe: a page that makes an intent, or an intent. */
export type Thing = Stripe.Checkout.Session | Stripe.PaymentIntent;

/** The intent behind it, once there is one. */
export const intentOf = (thing: Thing): Stripe.PaymentIntent | null => {
  if (thing.object === "payment_intent") return thing;
  const { payment_intent: intent } = thing;
  return typeof intent === "string" ? null : intent;
};

/** A declined card is not an end: its buyer may try another until the page or the intent is closed. */
export function outcomeOf(thing: Thing): PaymentOutcome {
  if (thing.object === "payment_intent") return intentOutcome(thing);
  switch (thing.status) {
    case "open":
      return { kind: "open", providerRef: thing.id };
    case "expired":
      return { kind: "closed" };
    case "complete": {
      const intent = intentOf(thing);
      return intent ? intentOutcome(intent) : strange("a finished page without its payment");
    }
    default:
      return strange(thing.status);
  }
}

/** docs.stripe.com/payments/paymentintents/lifecycle */
function intentOutcome(intent: Stripe.PaymentIntent): PaymentOutcome {
  const { id: providerRef, status, currency, amount_capturable, amount_received } = intent;
  switch (status) {
    case "requires_payment_method":
    case "requires_confirmation":
    case "requires_action":
    case "processing":
      return { kind: "open", providerRef };
    case "requires_capture":
      return { kind: "authorized", providerRef, amount: money(amount_capturable, currency.toUpperCase()) };
    case "succeeded":
      return { kind: "succeeded", providerRef, amount: money(amount_received, currency.toUpperCase()) };
    case "canceled":
      return { kind: "closed" };
    default:
      return strange(status);
  }
}

const strange = (word: string | null): Unknown => unknown(`Stripe says "${String(word)}"`);

/** Where the buyer pays; null when nobody can pay here any more. */
export function actionOf(thing: Thing): PaymentAction | null {
  if (thing.object === "checkout.session")
    return thing.url === null ? null : { type: "redirect", url: thing.url };
  const { client_secret: clientSecret } = thing;
  return clientSecret === null ? null : { type: "client_secret", clientSecret };
}

/** docs.stripe.com/api/refunds/object */
export function refundOutcomeOf({ status, failure_reason }: Stripe.Refund): RefundOutcome {
  switch (status) {
    case "pending":
    case "requires_action":
      return { kind: "pending" };
    case "succeeded":
      return { kind: "succeeded" };
    case "failed":
    case "canceled":
      return { kind: "failed", failure: failure_reason ?? status };
    default:
      return strange(status);
  }
}

/** As much of an event as every kind has. */
const Event = z.object({
  id: z.string().regex(/^evt_\w{1,100}$/),
  type: z.string(),
  livemode: z.boolean(),
  data: z.object({ object: z.looseObject({ metadata: z.record(z.string(), z.string()).nullish() }) }),
});

const PAYMENT_EVENTS = new Set([
  "payment_intent.amount_capturable_updated",
  "payment_intent.succeeded",
  "payment_intent.canceled",
  "checkout.session.expired",
]);
const REFUND_EVENTS = new Set(["refund.created", "refund.updated", "refund.failed"]);

const unreadable = (detail: string) => err({ code: "invalid_request" as const, detail });

/**
 * Reads an event whose signature is right; null when it is about something else. The account may serve other shops as well, so
 * what carries no reference of ours is none of our business.
 */
export function noticeOf(text: string, account: string, live: boolean): Result<Notice | null, NoticeRefusal> {
  const parsed = Event.safeParse(jsonOf(text));
  if (!parsed.success) return unreadable("The body is not an event of Stripe.");
  const { id: event, type, livemode, data } = parsed.data;
  if (livemode !== live) return unreadable("The event is of Stripe's other world, live or test.");
  const isOfPayment = PAYMENT_EVENTS.has(type);
  if (!isOfPayment && !REFUND_EVENTS.has(type)) return ok(null);

  const metadata = data.object.metadata ?? {};
  const reference = metadata[isOfPayment ? "payment" : "refund"];
  if (reference === undefined) return ok(null);
  if (!isPaymentId(reference) && !isRefundId(reference))
    return unreadable("The reference is not one of ours.");
  const order = orderOf(reference);
  if (metadata["order"] !== order) return unreadable("The reference is of another order.");

  const source: Source = { via: "callback", event, provider: "stripe", account };
  if (isPaymentId(reference) && isOfPayment) {
    const outcome = outcomeOf(data.object as unknown as Thing);
    return ok({ event, order, report: paymentReport(reference, outcome, source) });
  }
  if (!isRefundId(reference) || isOfPayment)
    return unreadable("The reference is not of what the event is about.");
  const report = refundReport(reference, refundOutcomeOf(data.object as unknown as Stripe.Refund), source);
  return ok(report && { event, order, report });
}
