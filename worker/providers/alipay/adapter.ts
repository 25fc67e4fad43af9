import { err } from "../../../schema/result.ts";
import type { Payment } from "../../../schema/order.ts";
import { exactText } from "../exact-text.ts";
import { isFresh } from "../fresh.ts";
import { FOR_BILLS, NUMBERED } from "../outbound.ts";
import type { Outbound, PaymentOutcome, PaymentProvider, Purchase, RefundOutcome } from "../port.ts";
import { signerOf } from "../rsa.ts";
import { billOr, orUnknown, unknown } from "../unknown.ts";
import { beijingTime, fromBeijingTime, yuanOf } from "../yuan.ts";
import { GATEWAYS, type AlipayAccount } from "./account.ts";
import { readBill } from "./bill.ts";
import { Proof } from "./proof.ts";
import { contentOf, formOf, rawMember } from "./signature.ts";
import {
  expiresAt,
  isDone,
  isOtherState,
  isPaidAlready,
  knownRefundOf,
  methodsAt,
  noticeOf,
  outcomeOf,
  PRODUCTS,
  readAnswer,
  refundOutcomeOf,
  type Answer,
} from "./wire.ts";

/** Alipay tries eight times in 25 hours; what is older is nobody's try but somebody's replay. */
const NOTICE_AGE_MS_MAX = 26 * 3_600_000;
/** Characters of a subject; of those it may have, `/`, `=` and `&` are none. */
const SUBJECT_CHARS_MAX = 128;

/** One application at Alipay behind the port. Money is taken at once, so a success that comes too late is given back. */
export function alipay(id: string, account: AlipayAccount, outbound: Outbound): PaymentProvider {
  const gateway = new Gateway(account, outbound);
  const query = async (payment: Payment, purchase: Purchase): Promise<PaymentOutcome> => {
    const answer = await gateway.ask("alipay.trade.query", { out_trade_no: payment.id });
    return named(outcomeOf(answer, expiresAt(payment, purchase), Date.now()), payment);
  };

  return {
    name: "alipay",
    account: id,
    methods: methodsAt(account.codes_per_second),

    create: (payment, purchase) =>
      orUnknown(async () => {
        const way = wayOf(payment);
        const biz = bizOf(payment, purchase);
        if (way !== "qr") {
          // Only signed: the trade comes to be when the buyer arrives. Of one payment it is always the same address.
          const url = await gateway.address(PRODUCTS[way].method, biz, payment);
          return { kind: "action_required", providerRef: payment.id, action: { type: "redirect", url } };
        }
        const answer = await gateway.ask(PRODUCTS.qr.method, biz, payment.callbackUrl);
        if (isPaidAlready(answer)) return query(payment, purchase);
        const content = answer["qr_code"];
        if (!isDone(answer) || typeof content !== "string")
          return named(outcomeOf(answer, expiresAt(payment, purchase), Date.now()), payment);
        return { kind: "action_required", providerRef: payment.id, action: { type: "qr", content } };
      }),

    query: (payment, purchase) => orUnknown(() => query(payment, purchase)),

    close: (payment, purchase) =>
      orUnknown(async () => {
        const answer = await gateway.ask("alipay.trade.close", { out_trade_no: payment.id });
        if (isDone(answer)) return { kind: "closed" };
        if (isOtherState(answer)) return query(payment, purchase);
        return named(outcomeOf(answer, expiresAt(payment, purchase), Date.now()), payment);
      }),

    capture: async () => unknown("nothing to capture: money is taken at once"),

    refund: (refund, payment) =>
      orUnknown(async (): Promise<RefundOutcome> => {
        const wanted = { out_trade_no: payment.id, out_request_no: refund.id };
        const terms = { refund_amount: yuanOf(refund.amount), refund_reason: refund.reason };
        return refundOutcomeOf(await gateway.ask("alipay.trade.refund", { ...wanted, ...terms }));
      }),

    queryRefund: (refund, payment) =>
      orUnknown(async (): Promise<RefundOutcome> => {
        const wanted = { out_trade_no: payment.id, out_request_no: refund.id };
        return knownRefundOf(await gateway.ask("alipay.trade.fastpay.refund.query", wanted));
      }),

    bill: (day) =>
      billOr(async () => {
        const wanted = { bill_type: "trade", bill_date: day };
        const answer = await gateway.ask("alipay.data.dataservice.bill.downloadurl.query", wanted);
        if (answer.sub_code === "isp.bill_not_exist") return [];
        const url = answer["bill_download_url"];
        if (!isDone(answer) || typeof url !== "string")
          throw new Error(`Alipay has no bill: ${answer.sub_code}`);
        return readBill(await gateway.download(url));
      }),

    async readNotice(_headers, body, now) {
      const refused = (detail: string) => err({ code: "invalid_signature" as const, detail });
      const text = exactText(body);
      const fields = text === null ? null : formOf(text);
      if (!fields) return refused("The body is not a form in UTF-8, or says something twice.");
      if (!(await gateway.isSigned(fields))) return refused("The signature does not match.");
      const sentAt = fromBeijingTime(fields.get("notify_time") ?? "");
      // What says no time, or says it in another way, is no notification at all.
      if (Number.isNaN(sentAt) || isFresh(sentAt, NOTICE_AGE_MS_MAX, [now, Date.now()]))
        return noticeOf(fields, id, account);
      return refused("The notification is too old, or from the future.");
    },

    // Seven characters and no more: anything else is a failure to Alipay.
    acknowledge: () => new Response("success", { headers: { "content-type": "text/plain" } }),
  };
}

type Way = keyof typeof PRODUCTS;
const wayOf = ({ method }: Payment): Way => (method === "wap" || method === "qr" ? method : "page");

function bizOf(payment: Payment, purchase: Purchase): Record<string, string> {
  return {
    out_trade_no: payment.id,
    total_amount: yuanOf(payment.amount),
    subject: purchase.description.replaceAll(/[/=&]/g, " ").slice(0, SUBJECT_CHARS_MAX),
    product_code: PRODUCTS[wayOf(payment)].product_code,
    time_expire: beijingTime(expiresAt(payment, purchase)),
  };
}

/** Until Alipay has numbered a trade it goes by our own number. */
const named = (outcome: PaymentOutcome, { id }: Payment): PaymentOutcome =>
  outcome.kind === "open" && outcome.providerRef === "" ? { ...outcome, providerRef: id } : outcome;

/** Alipay's one address, with everything signed that goes there and verified that comes back. */
class Gateway {
  readonly #account: AlipayAccount;
  readonly #outbound: Outbound;
  readonly #sign: (text: string) => Promise<string>;
  readonly #proof: Proof;

  constructor(account: AlipayAccount, outbound: Outbound) {
    this.#account = account;
    this.#outbound = outbound;
    this.#sign = signerOf(account.private_key);
    this.#proof = new Proof(account);
  }

  /** @throws when nothing came that Alipay has signed. */
  async ask(method: string, biz: Record<string, string>, notifyUrl?: string): Promise<Answer> {
    const params = await this.#signed(method, biz, Date.now(), notifyUrl ? { notify_url: notifyUrl } : {});
    const answer = await this.#outbound(
      new Request(GATEWAYS[this.#account.environment], { method: "POST", body: params }),
      NUMBERED,
    );
    const text = await answer.text();
    const { sign, alipay_cert_sn: number } = JSON.parse(text) as { sign?: unknown; alipay_cert_sn?: unknown };
    const member = rawMember(text, `${method.replaceAll(".", "_")}_response`);
    if (answer.status !== 200 || member === null) throw new Error(`no answer of Alipay: ${answer.status}`);
    if (typeof sign !== "string" || !(await this.#proof.ofAnswer(member, sign, number)))
      throw new Error("the answer is not signed by Alipay");
    const read = readAnswer(JSON.parse(member));
    if (!read) throw new Error("the answer has no code");
    return read;
  }

  /** What a signed answer has pointed to, half a minute long. */
  async download(address: string): Promise<Uint8Array> {
    const { protocol, hostname } = new URL(address);
    if (protocol !== "https:" || !/\.alipay(?:dev)?\.com$/.test(hostname))
      throw new Error("the bill lies elsewhere");
    const answer = await this.#outbound(new Request(address), FOR_BILLS);
    if (answer.status !== 200) throw new Error(`the bill is not there: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Where a buyer goes to pay. */
  async address(method: string, biz: Record<string, string>, payment: Payment): Promise<string> {
    const { callbackUrl, returnUrl, createdAt } = payment;
    const urls = { notify_url: callbackUrl, ...(returnUrl !== null && { return_url: returnUrl }) };
    const params = await this.#signed(method, biz, createdAt, urls);
    return `${GATEWAYS[this.#account.environment]}?${params.toString()}`;
  }

  isSigned(fields: ReadonlyMap<string, string>): Promise<boolean> {
    return this.#proof.ofNotification(fields);
  }

  async #signed(
    method: string,
    biz: Record<string, string>,
    at: number,
    urls: Record<string, string>,
  ): Promise<URLSearchParams> {
    const params = new Map(
      Object.entries({
        app_id: this.#account.app_id,
        method,
        format: "JSON",
        charset: "utf-8",
        sign_type: "RSA2",
        timestamp: beijingTime(at),
        version: "1.0",
        ...this.#proof.named,
        ...urls,
        biz_content: JSON.stringify(biz),
      }),
    );
    return new URLSearchParams([...params, ["sign", await this.#sign(contentOf(params))]]);
  }
}
