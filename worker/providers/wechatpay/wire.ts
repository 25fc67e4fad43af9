import * as z from "zod";
import { isPaymentId, isRefundId, orderOf } from "../../../schema/ids.ts";
import { money } from "../../../schema/money.ts";
import type { Payment, Source } from "../../../schema/order.ts";
import { err, ok, type Result } from "../../../schema/result.ts";
import { jsonOf } from "../../json.ts";
import type { Method, Notice, NoticeRefusal, PaymentOutcome, Purchase, RefundOutcome } from "../port.ts";
import { unknown, type Unknown } from "../unknown.ts";
import { paymentReport, refundReport } from "../reports.ts";
import { beijingTime } from "../yuan.ts";
import type { WechatPayAccount } from "./account.ts";
import { Sealed } from "./envelope.ts";

/** WeChat Pay's vocabulary, and what it means. A word that is not here is `unknown`, today and next year. */

export const methodsAt = (creationsPerSecond: number): readonly Method[] => [
  { name: "native", currencies: ["CNY"], devices: ["desktop"], payer: null, creationsPerSecond },
  { name: "h5", currencies: ["CNY"], devices: ["phone"], payer: "address", creationsPerSecond },
  // Inside WeChat the shop's own page knows who its buyer is, and calls the wallet by itself.
  { name: "jsapi", currencies: ["CNY"], devices: [], payer: "openid", creationsPerSecond },
];
export type Way = "native" | "h5" | "jsapi";
export const wayOf = ({ method }: Payment): Way =>
  method === "h5" || method === "jsapi" ? method : "native";

/** A shorter time than a minute is made one without a word; the rest is for the way there. */
const OPEN_MS_MIN = 65_000;

/** RFC 3339 in Beijing's time. Said once: a creation that is repeated with other words is refused. */
export const timeExpire = ({ createdAt }: Payment, { payBy }: Purchase): string =>
  `${beijingTime(Math.max(payBy, createdAt + OPEN_MS_MIN)).replace(" ", "T")}+08:00`;

const strange = (word: unknown): Unknown => unknown(`WeChat Pay says ${String(word)}`);

const Amount = z.object({ total: z.int(), currency: z.string().regex(/^[A-Z]{3}$/) });

const Transaction = z.object({
  out_trade_no: z.string(),
  mchid: z.string(),
  appid: z.string().optional(),
  transaction_id: z.string().max(64).optional(),
  trade_state: z.string(),
  amount: Amount.optional(),
});
type Transaction = z.infer<typeof Transaction>;

/** What an answer that is no success says. */
const Problem = z.object({ code: z.string().max(64) });
export const codeOf = (body: unknown): string => Problem.safeParse(body).data?.code ?? "nothing";

/** `amount.total` is the price; what the buyer paid of it themselves, after coupons, is between them and WeChat Pay. */
export function outcomeOf(body: unknown, payment: Payment): PaymentOutcome {
  const said = Transaction.safeParse(body).data;
  if (!said) return strange("nothing we understand");
  return said.out_trade_no === payment.id
    ? outcomeOfTransaction(said)
    : strange("something of another payment");
}

function outcomeOfTransaction(said: Transaction): PaymentOutcome {
  const { trade_state: state, transaction_id: transaction, amount } = said;
  switch (state) {
    case "SUCCESS":
    case "REFUND":
      if (!amount || transaction === undefined) return strange(`${state} without an amount`);
      return { kind: "succeeded", providerRef: transaction, amount: money(amount.total, amount.currency) };
    case "NOTPAY":
    case "USERPAYING":
      return { kind: "open", providerRef: said.out_trade_no };
    case "CLOSED":
    case "REVOKED":
      return { kind: "closed" };
    default:
      return strange(state);
  }
}

/** An answer of 200 to a refund is that it was accepted. `ABNORMAL`: the money came back from the buyer's bank. */
export function refundOutcomeOf(body: unknown): RefundOutcome {
  const status = z.object({ status: z.string() }).safeParse(body).data?.status;
  return outcomeOfRefund(status);
}

function outcomeOfRefund(status: string | undefined): RefundOutcome {
  switch (status) {
    case "PROCESSING":
      return { kind: "pending" };
    case "SUCCESS":
      return { kind: "succeeded" };
    case "CLOSED":
    case "ABNORMAL":
      return { kind: "failed", failure: status };
    default:
      return strange(status);
  }
}

const Notification = z.object({
  id: z.string().regex(/^[\x21-\x7e]{1,64}$/),
  event_type: z.string().max(64),
  resource: Sealed,
});
type Notification = z.infer<typeof Notification>;
export const notificationOf = (text: string): Notification | null =>
  Notification.safeParse(jsonOf(text)).data ?? null;

const RefundNotice = z.object({
  mchid: z.string(),
  out_trade_no: z.string(),
  out_refund_no: z.string(),
  refund_status: z.string(),
});

const unreadable = (detail: string) => err({ code: "invalid_request" as const, detail });

/** Reads what a proven notification held. */
export function noticeOf(
  { id: event, event_type: type }: Notification,
  plain: string,
  id: string,
  { appid, mchid }: WechatPayAccount,
): Result<Notice | null, NoticeRefusal> {
  const source: Source = { via: "callback", event, provider: "wechatpay", account: id };
  if (type.startsWith("REFUND.")) {
    const said = RefundNotice.safeParse(jsonOf(plain)).data;
    if (!said || said.mchid !== mchid) return unreadable("It holds no refund of this merchant.");
    const { out_refund_no: refund } = said;
    if (!isRefundId(refund)) return unreadable("The reference is not one of ours.");
    const report = refundReport(refund, outcomeOfRefund(said.refund_status), source);
    return ok(report && { event, order: orderOf(refund), report });
  }
  const said = Transaction.safeParse(jsonOf(plain)).data;
  if (!said || said.mchid !== mchid || said.appid !== appid)
    return unreadable("It holds no transaction of this merchant and application.");
  const { out_trade_no: payment } = said;
  if (!isPaymentId(payment)) return unreadable("The reference is not one of ours.");
  const report = paymentReport(payment, outcomeOfTransaction(said), source);
  return ok({ event, order: orderOf(payment), report });
}
