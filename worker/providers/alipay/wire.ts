import * as z from "zod";
import { isPaymentId, isRefundId, orderOf } from "../../../schema/ids.ts";
import type { Payment, Report, Source } from "../../../schema/order.ts";
import { err, ok, type Result } from "../../../schema/result.ts";
import type { Method, Notice, NoticeRefusal, PaymentOutcome, Purchase, RefundOutcome } from "../port.ts";
import { unknown, type Unknown } from "../unknown.ts";
import { fenOf, fromBeijingTime } from "../yuan.ts";
import type { AlipayAccount } from "./account.ts";

/** Alipay's vocabulary, and what it means. A word that is not here is `unknown`, today and next year. */

/** Addresses are only signed, and that by us: of those there are as many as we like. */
export const methodsAt = (codesPerSecond: number): readonly Method[] => [
  { name: "page", currencies: ["CNY"], devices: ["desktop"], payer: null, creationsPerSecond: null },
  { name: "wap", currencies: ["CNY"], devices: ["phone", "alipay"], payer: null, creationsPerSecond: null },
  { name: "qr", currencies: ["CNY"], devices: ["desktop"], payer: null, creationsPerSecond: codesPerSecond },
];

/** How Alipay names what is bought in each way. */
export const PRODUCTS = {
  page: { method: "alipay.trade.page.pay", product_code: "FAST_INSTANT_TRADE_PAY" },
  wap: { method: "alipay.trade.wap.pay", product_code: "QUICK_WAP_WAY" },
  qr: { method: "alipay.trade.precreate", product_code: "QR_CODE_OFFLINE" },
} as const;

/** Alipay takes no shorter time than a minute; the rest is for the way there. */
const OPEN_MS_MIN = 65_000;
/** Buyers who have the password page before them may still pay for as long after the end. */
const LATE_MS = 90_000;

/** When Alipay ends a payment by itself, epoch ms. */
export const expiresAt = ({ createdAt }: Payment, { payBy }: Purchase): number =>
  Math.max(payBy, createdAt + OPEN_MS_MIN);

/** What every answer says. */
const Answer = z.looseObject({ code: z.string(), sub_code: z.string().optional() });
export type Answer = z.infer<typeof Answer>;
export const readAnswer = (member: unknown): Answer | null => Answer.safeParse(member).data ?? null;

const DONE = "10000";
const REFUSED = "40004";

const strange = ({ code, sub_code }: Answer): Unknown =>
  unknown(`Alipay says ${code}${sub_code ? ` ${sub_code}` : ""}`);

export const isDone = ({ code }: Answer): boolean => code === DONE;
export const isPaidAlready = ({ sub_code }: Answer): boolean => sub_code === "ACQ.TRADE_HAS_SUCCESS";
/** Not to be closed as it is: paid, or closed before. */
export const isOtherState = ({ sub_code }: Answer): boolean =>
  sub_code === "ACQ.TRADE_STATUS_ERROR" || sub_code === "ACQ.REASON_TRADE_STATUS_INVALID";

const Trade = z.looseObject({
  trade_no: z.string().regex(/^\d{1,64}$/),
  trade_status: z.string(),
  total_amount: z.string(),
  /** When it was paid. A trade that is closed and was paid has been refunded. */
  send_pay_date: z.string().optional(),
});

/**
 * What became of a payment. A trade comes to be when its buyer scans the code or opens the page, so that one which does not
 * exist may still be paid until its time is over, and for a moment longer: only then is it closed.
 */
export function outcomeOf(answer: Answer, endsAt: number, now: number): PaymentOutcome {
  if (answer.sub_code === "ACQ.TRADE_NOT_EXIST")
    return now < endsAt + LATE_MS ? { kind: "open", providerRef: "" } : { kind: "closed" };
  if (answer.sub_code === "ACQ.TRADE_HAS_CLOSE") return { kind: "closed" };
  const trade = Trade.safeParse(answer).data;
  if (!isDone(answer) || !trade) return strange(answer);
  const { trade_no: providerRef, trade_status: status, send_pay_date: paidAt } = trade;
  if (status === "WAIT_BUYER_PAY") return { kind: "open", providerRef };
  if (status === "TRADE_CLOSED" && !paidAt) return { kind: "closed" };
  const isPaid = status === "TRADE_SUCCESS" || status === "TRADE_FINISHED" || status === "TRADE_CLOSED";
  const amount = fenOf(trade.total_amount);
  return isPaid && amount ? { kind: "succeeded", providerRef, amount } : strange({ code: status });
}

/** A refund is made when money moved; the answer to a repeat says that none did, and then only the question tells. */
export function refundOutcomeOf(answer: Answer): RefundOutcome {
  if (isDone(answer)) return answer["fund_change"] === "Y" ? { kind: "succeeded" } : { kind: "pending" };
  const isRefused = answer.code === REFUSED && !answer.sub_code?.endsWith("SYSTEM_ERROR");
  return isRefused ? { kind: "failed", failure: answer.sub_code ?? "refused" } : strange(answer);
}

/** Done does not mean refunded: it means that the question was understood. */
export function knownRefundOf(answer: Answer): RefundOutcome {
  if (answer.sub_code === "ACQ.TRADE_NOT_EXIST") return { kind: "not_found" };
  if (!isDone(answer)) return strange(answer);
  const status = answer["refund_status"];
  if (status === "REFUND_SUCCESS") return { kind: "succeeded" };
  return status === undefined ? { kind: "not_found" } : strange({ code: String(status) });
}

const Notification = z.looseObject({
  notify_id: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  notify_time: z.string().refine((text) => !Number.isNaN(fromBeijingTime(text))),
  app_id: z.string(),
  seller_id: z.string(),
  out_trade_no: z.string(),
  trade_no: z.string().regex(/^\d{1,64}$/),
  trade_status: z.string(),
  total_amount: z.string(),
  /** Of a refund: our number of it. */
  out_biz_no: z.string().optional(),
  gmt_payment: z.string().optional(),
});

const unreadable = (detail: string) => err({ code: "invalid_request" as const, detail });

/** Reads a notification whose signature is right; null for what says nothing new. */
export function noticeOf(
  fields: ReadonlyMap<string, string>,
  id: string,
  { app_id, seller_id }: AlipayAccount,
): Result<Notice | null, NoticeRefusal> {
  const parsed = Notification.safeParse(Object.fromEntries(fields));
  if (!parsed.success) return unreadable("The body is not a notification of Alipay.");
  const said = parsed.data;
  if (said.app_id !== app_id || said.seller_id !== seller_id)
    return unreadable("The notification is for another application or seller.");
  if (!isPaymentId(said.out_trade_no)) return unreadable("The reference is not one of ours.");
  const order = orderOf(said.out_trade_no);
  const event = said.notify_id;
  const source: Source = { via: "callback", event, provider: "alipay", account: id };
  const { out_biz_no: refund = "" } = said;
  if (isRefundId(refund)) {
    if (orderOf(refund) !== order) return unreadable("The refund is of another order.");
    return ok({ event, order, report: { type: "refund_succeeded", refund, source } });
  }
  const report = reportOf(said, said.out_trade_no, source);
  return report ? ok({ event, order, report }) : unreadable(`"${said.trade_status}" is not known.`);
}

/** A trade that is closed was never paid, or is refunded in full: the time it was paid at tells. */
function reportOf(said: z.infer<typeof Notification>, payment: Payment["id"], source: Source): Report | null {
  const { trade_no: providerRef, trade_status: status, gmt_payment: paidAt } = said;
  if (status === "WAIT_BUYER_PAY") return { type: "payment_open", payment, source };
  if (status === "TRADE_CLOSED" && !paidAt) return { type: "payment_closed", payment, source };
  const isPaid = status === "TRADE_SUCCESS" || status === "TRADE_FINISHED" || status === "TRADE_CLOSED";
  const amount = fenOf(said.total_amount);
  return isPaid && amount ? { type: "payment_succeeded", payment, providerRef, amount, source } : null;
}
