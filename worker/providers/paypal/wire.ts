import * as z from "zod";
import { isPaymentId, isRefundId, orderOf } from "../../../schema/ids.ts";
import type { Refund, Source } from "../../../schema/order.ts";
import { err, ok, type Result } from "../../../schema/result.ts";
import { jsonOf } from "../../json.ts";
import { moneyOf } from "../decimal.ts";
import type { Method, Notice, NoticeRefusal, PaymentOutcome, RefundOutcome } from "../port.ts";
import { paymentReport, refundReport } from "../reports.ts";
import { unknown, type Unknown } from "../unknown.ts";

/** PayPal's vocabulary, and what it means. A word that is not here is `unknown`, today and next year. */

/** developer.paypal.com/api/rest/reference/currency-codes, but those that PayPal counts otherwise than ISO 4217 (HUF, TWD). */
const CURRENCIES =
  "AUD BRL CAD CNY CZK DKK EUR HKD ILS JPY MYR MXN NZD NOK PHP PLN GBP SGD SEK CHF THB USD".split(" ");

export const methodsAt = (creationsPerSecond: number): readonly Method[] => [
  { name: "paypal", currencies: CURRENCIES, devices: null, payer: null, creationsPerSecond },
];

const Amount = z.object({ currency_code: z.string().regex(/^[A-Z]{3}$/), value: z.string() });
const Capture = z.object({ id: z.string().regex(/^\w{1,64}$/), status: z.string(), amount: Amount });
const RefundOfOrder = z.object({ status: z.string(), invoice_id: z.string().optional() });

const Unit = z.object({
  custom_id: z.string().optional(),
  amount: Amount.optional(),
  payments: z
    .object({ captures: z.array(Capture).default([]), refunds: z.array(RefundOfOrder).default([]) })
    .optional(),
});

const Order = z.object({
  id: z.string().regex(/^\w{1,64}$/),
  status: z.string(),
  purchase_units: z.array(Unit).default([]),
  links: z.array(z.object({ rel: z.string(), href: z.string() })).default([]),
});
export type PayPalOrder = z.infer<typeof Order>;
export const readOrder = (body: unknown): PayPalOrder | null => Order.safeParse(body).data ?? null;

export const captureOf = ({ purchase_units: [unit] }: PayPalOrder) => unit?.payments?.captures[0] ?? null;
export const approvalOf = ({ links }: PayPalOrder): string | null =>
  links.find(({ rel }) => rel === "payer-action" || rel === "approve")?.href ?? null;

const strange = (word: unknown): Unknown => unknown(`PayPal says ${String(word)}`);

/**
 * What became of an order of PayPal's. What its buyer approved is promised: nothing moves until we capture it, so that a promise
 * nobody wants any more is simply never taken.
 */
export function outcomeOf(order: PayPalOrder): PaymentOutcome {
  const { id: providerRef, status } = order;
  switch (status) {
    case "CREATED":
    case "SAVED":
    case "PAYER_ACTION_REQUIRED":
      return { kind: "open", providerRef };
    case "VOIDED":
      return { kind: "closed" };
    case "APPROVED": {
      const amount = amountOf(order.purchase_units[0]?.amount);
      return amount ? { kind: "authorized", providerRef, amount } : strange("approved, without an amount");
    }
    case "COMPLETED":
      return captureOutcome(providerRef, captureOf(order));
    default:
      return strange(status);
  }
}

function captureOutcome(providerRef: string, capture: z.infer<typeof Capture> | null): PaymentOutcome {
  const amount = amountOf(capture?.amount);
  if (!capture || !amount) return strange("completed, without a capture");
  switch (capture.status) {
    case "COMPLETED":
    case "PARTIALLY_REFUNDED":
    case "REFUNDED":
      return { kind: "succeeded", providerRef, amount };
    case "PENDING":
      return { kind: "open", providerRef };
    case "DECLINED":
    case "FAILED":
      return { kind: "failed", failure: capture.status.toLowerCase() };
    default:
      return strange(capture.status);
  }
}

const amountOf = (amount: z.infer<typeof Amount> | undefined) =>
  amount ? moneyOf(amount.value, amount.currency_code) : null;

export function refundOutcomeOf(body: unknown): RefundOutcome {
  const status = z.object({ status: z.string() }).safeParse(body).data?.status;
  switch (status) {
    case "COMPLETED":
      return { kind: "succeeded" };
    case "PENDING":
      return { kind: "pending" };
    case "FAILED":
    case "CANCELLED":
      return { kind: "failed", failure: status.toLowerCase() };
    default:
      return strange(status);
  }
}

/** A refund goes by our number of it, which PayPal keeps as its invoice. */
export function knownRefundOf({ purchase_units: [unit] }: PayPalOrder, { id }: Refund): RefundOutcome {
  const known = unit?.payments?.refunds.find(({ invoice_id: invoice }) => invoice === id);
  return known ? refundOutcomeOf(known) : { kind: "not_found" };
}

/** Why a request was refused, in PayPal's word: the issue of its first detail, or its name. */
export function issueOf(body: unknown): string {
  const said = z
    .object({
      name: z.string().default("nothing"),
      details: z.array(z.object({ issue: z.string() })).default([]),
    })
    .safeParse(body).data;
  return said?.details[0]?.issue ?? said?.name ?? "nothing";
}

const Event = z.object({
  id: z.string().regex(/^[\w-]{1,64}$/),
  event_type: z.string(),
  resource: z.looseObject({ custom_id: z.string().optional(), invoice_id: z.string().optional() }),
});

const unreadable = (detail: string) => err({ code: "invalid_request" as const, detail });

/**
 * Reads an event whose signature is right. Of a capture it says what it says; of an approval too. What carries no reference of
 * ours is another shop's in the same account, and none of our business.
 */
export function noticeOf(text: string, account: string): Result<Notice | null, NoticeRefusal> {
  const parsed = Event.safeParse(jsonOf(text)).data;
  if (!parsed) return unreadable("The body is not an event of PayPal.");
  const { id: event, event_type: type, resource } = parsed;
  const source: Source = { via: "callback", event, provider: "paypal", account };
  if (type.startsWith("PAYMENT.CAPTURE.REFUNDED")) return refundNotice(event, resource, source);

  const order = type === "CHECKOUT.ORDER.APPROVED" ? readOrder(resource) : null;
  const isOfCapture = /^PAYMENT\.CAPTURE\.(COMPLETED|DECLINED|PENDING)$/.test(type);
  if (!order && !isOfCapture) return ok(null);
  const reference = order ? order.purchase_units[0]?.custom_id : resource.custom_id;
  if (reference === undefined) return ok(null);
  if (!isPaymentId(reference)) return unreadable("The reference is not one of ours.");
  const outcome = order ? outcomeOf(order) : captureNotice(resource);
  return ok({ event, order: orderOf(reference), report: paymentReport(reference, outcome, source) });
}

function captureNotice(resource: Record<string, unknown>): PaymentOutcome {
  const capture = Capture.safeParse(resource).data ?? null;
  const related = z
    .object({ supplementary_data: z.object({ related_ids: z.object({ order_id: z.string() }) }) })
    .safeParse(resource).data;
  return captureOutcome(related?.supplementary_data.related_ids.order_id ?? capture?.id ?? "", capture);
}

function refundNotice(
  event: string,
  resource: { invoice_id?: string | undefined },
  source: Source,
): Result<Notice | null, NoticeRefusal> {
  const { invoice_id: refund = "" } = resource;
  if (!isRefundId(refund)) return ok(null);
  const report = refundReport(refund, refundOutcomeOf(resource), source);
  return ok(report && { event, order: orderOf(refund), report });
}
