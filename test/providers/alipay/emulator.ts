import type { Pair } from "../keys.ts";

/**
 * Alipay's gateway as far as a checkout needs it, with its state. What it does, refuses and signs follows the open platform's
 * documents: a trade comes to be when its buyer scans or opens the page, times are Beijing's, amounts are yuan.
 */

interface Trade {
  readonly out_trade_no: string;
  readonly trade_no: string;
  readonly total: number;
  status: "WAIT_BUYER_PAY" | "TRADE_SUCCESS" | "TRADE_CLOSED";
  paidAt: string | null;
  readonly refunds: Map<string, number>;
}

/** An application in certificate mode: the numbers it must name, and that of the certificate Alipay signs with. */
export interface CertificateNumbers {
  readonly app: string;
  readonly root: string;
  readonly alipay: string;
}

type Fields = Record<string, string>;
type Terms = Omit<Fields, never>;

const DONE = { code: "10000", msg: "Success" };
const refused = (sub_code: string) => ({
  code: "40004",
  msg: "Business Failed",
  sub_code,
  sub_msg: sub_code,
});

export class AlipayEmulator {
  readonly appId = "2021000000000001";
  readonly sellerId = "2088000000000001";
  readonly #app: Pair;
  readonly #alipay: Pair;
  readonly #now: () => number;
  /** What codes and pages promise, by our number. */
  readonly #promised = new Map<string, Terms>();
  readonly #trades = new Map<string, Trade>();
  /** Form fields of everything that Alipay would notify about. */
  readonly notifications: Fields[] = [];
  /** Null for an application in public-key mode. */
  certificates: CertificateNumbers | null = null;
  #serial = 0;

  /** @param app whose public key Alipay knows. @param own with which it signs. */
  constructor(app: Pair, own: Pair, now: () => number = Date.now) {
    this.#app = app;
    this.#alipay = own;
    this.#now = now;
  }

  readonly answer = async (request: Request): Promise<Response> => {
    const { searchParams } = new URL(request.url);
    const sent = await request.text();
    const fields = Object.fromEntries([...searchParams, ...new URLSearchParams(sent)]);
    const wrong = await this.#wrongWith(fields);
    const body = wrong ?? this.#answerTo(fields["method"] ?? "", terms(fields), fields);
    const name = wrong ? "error_response" : `${(fields["method"] ?? "").replaceAll(".", "_")}_response`;
    // Slashes as their servers write them: whoever signs the text anew signs another text.
    const member = JSON.stringify(body).replaceAll("/", "\\/");
    const number = this.certificates ? `,"alipay_cert_sn":"${this.certificates.alipay}"` : "";
    return new Response(`{"${name}":${member}${number},"sign":"${await this.#alipay.sign(member)}"}`, {
      headers: { "content-type": "text/html;charset=utf-8" },
    });
  };

  /** The buyer scans the code or opens the page. @returns false when its time is over. */
  arrive(reference: string): boolean {
    const promised = this.#promised.get(reference);
    if (!promised || this.#trades.has(reference)) return this.#trades.has(reference);
    if (Date.parse(`${(promised["time_expire"] ?? "").replace(" ", "T")}+08:00`) <= this.#now()) return false;
    this.#trades.set(reference, {
      out_trade_no: reference,
      trade_no: `20260000000000000000000${String(++this.#serial).padStart(5, "0")}`,
      total: fen(promised["total_amount"] ?? ""),
      status: "WAIT_BUYER_PAY",
      paidAt: null,
      refunds: new Map(),
    });
    return true;
  }

  pay(reference: string): void {
    if (!this.arrive(reference)) return;
    const trade = this.#trades.get(reference);
    if (trade?.status !== "WAIT_BUYER_PAY") return;
    trade.status = "TRADE_SUCCESS";
    trade.paidAt = beijing(this.#now());
    this.#tell(trade);
  }

  /** A page that we only signed: the buyer's browser brings it. */
  async open(url: string): Promise<string> {
    const fields = Object.fromEntries(new URL(url).searchParams);
    const wrong = await this.#wrongWith(fields);
    if (wrong) throw new Error(wrong.sub_code);
    const wanted = terms(fields);
    const reference = wanted["out_trade_no"] ?? "";
    this.#promised.set(reference, { ...wanted, notify_url: fields["notify_url"] ?? "" });
    this.arrive(reference);
    return reference;
  }

  /** A form with Alipay's signature under it. */
  async signed(fields: Fields): Promise<string> {
    const content = contentOf(fields);
    const body = new URLSearchParams({
      ...fields,
      sign: await this.#alipay.sign(content),
      sign_type: "RSA2",
    });
    return body.toString();
  }

  async #wrongWith(fields: Fields) {
    const { sign = "", ...rest } = fields;
    if (rest["app_id"] !== this.appId) return refused("isv.invalid-app-id");
    if (rest["sign_type"] !== "RSA2" || !(await this.#app.verify(contentOf(rest), sign)))
      return refused("isv.invalid-signature");
    const { app, root } = this.certificates ?? {};
    if (rest["app_cert_sn"] !== app) return refused("isv.invalid-app-cert-sn");
    if (rest["alipay_root_cert_sn"] !== root) return refused("isv.invalid-root-cert-sn");
    if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(rest["timestamp"] ?? ""))
      return refused("isv.invalid-timestamp");
    return null;
  }

  #answerTo(method: string, wanted: Terms, fields: Fields): Record<string, unknown> {
    const reference = wanted["out_trade_no"] ?? "";
    if (method === "alipay.trade.precreate") return this.#precreate(reference, wanted, fields);
    const trade = this.#trades.get(reference);
    if (!trade) return refused("ACQ.TRADE_NOT_EXIST");
    switch (method) {
      case "alipay.trade.query":
        return this.#query(trade);
      case "alipay.trade.close":
        if (trade.status !== "WAIT_BUYER_PAY") return refused("ACQ.TRADE_STATUS_ERROR");
        trade.status = "TRADE_CLOSED";
        this.#tell(trade);
        return { ...DONE, trade_no: trade.trade_no, out_trade_no: reference };
      case "alipay.trade.refund":
        return this.#refund(trade, wanted);
      case "alipay.trade.fastpay.refund.query": {
        const refund = trade.refunds.get(wanted["out_request_no"] ?? "");
        if (refund === undefined) return DONE;
        return { ...DONE, refund_status: "REFUND_SUCCESS", refund_amount: yuan(refund), ...numbers(trade) };
      }
      default:
        return refused("isv.invalid-method");
    }
  }

  #precreate(reference: string, wanted: Terms, fields: Fields): Record<string, unknown> {
    const trade = this.#trades.get(reference);
    if (trade?.status === "TRADE_SUCCESS") return refused("ACQ.TRADE_HAS_SUCCESS");
    if (trade?.status === "TRADE_CLOSED") return refused("ACQ.TRADE_HAS_CLOSE");
    const known = this.#promised.get(reference);
    if (known && known["total_amount"] !== wanted["total_amount"]) return refused("ACQ.CONTEXT_INCONSISTENT");
    if (!/^\d+\.\d\d$/.test(wanted["total_amount"] ?? "") || /[/=&]/.test(wanted["subject"] ?? ""))
      return refused("ACQ.INVALID_PARAMETER");
    this.#promised.set(reference, { ...wanted, notify_url: fields["notify_url"] ?? "" });
    return { ...DONE, out_trade_no: reference, qr_code: `https://qr.alipay.com/bax${reference}` };
  }

  #query(trade: Trade): Record<string, unknown> {
    return {
      ...DONE,
      ...numbers(trade),
      trade_status: trade.status,
      total_amount: yuan(trade.total),
      ...(trade.paidAt && { send_pay_date: trade.paidAt }),
    };
  }

  #refund(trade: Trade, wanted: Terms): Record<string, unknown> {
    const { out_request_no: number = "", refund_amount: written = "" } = wanted;
    if (trade.status !== "TRADE_SUCCESS" && trade.refunds.size === 0)
      return refused("ACQ.TRADE_STATUS_ERROR");
    const given = [...trade.refunds.values()].reduce((sum, amount) => sum + amount, 0);
    const known = trade.refunds.get(number);
    if (known !== undefined && known !== fen(written)) return refused("ACQ.DISCORDANT_REPEAT_REQUEST");
    if (known === undefined && given + fen(written) > trade.total)
      return refused("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL");
    trade.refunds.set(number, fen(written));
    const all = known === undefined ? given + fen(written) : given;
    if (all === trade.total) trade.status = "TRADE_CLOSED";
    if (known === undefined) this.#tell(trade, number);
    return {
      ...DONE,
      ...numbers(trade),
      fund_change: known === undefined ? "Y" : "N",
      refund_fee: yuan(all),
    };
  }

  #tell(trade: Trade, refund?: string): void {
    this.notifications.push({
      notify_id: `notify_${++this.#serial}`,
      notify_type: "trade_status_sync",
      notify_time: beijing(this.#now()),
      app_id: this.appId,
      auth_app_id: this.appId,
      seller_id: this.sellerId,
      charset: "utf-8",
      version: "1.0",
      ...numbers(trade),
      trade_status: trade.status,
      total_amount: yuan(trade.total),
      subject: "1 x 红色的灯 50%",
      fund_bill_list: '[{"amount":"1.00","fundChannel":"ALIPAYACCOUNT"}]',
      ...(trade.paidAt && { gmt_payment: trade.paidAt }),
      ...(refund && { out_biz_no: refund, refund_fee: yuan(trade.refunds.get(refund) ?? 0) }),
    });
  }
}

const numbers = ({ trade_no, out_trade_no }: Trade) => ({ trade_no, out_trade_no });
const yuan = (amount: number): string => (amount / 100).toFixed(2);
const fen = (written: string): number => Math.round(Number(written) * 100);
const beijing = (at: number): string =>
  new Date(at + 28_800_000).toISOString().slice(0, 19).replace("T", " ");
const terms = ({ biz_content: content = "{}" }: Fields): Terms => JSON.parse(content) as Terms;
const contentOf = (fields: Fields): string =>
  Object.keys(fields)
    .filter((name) => fields[name] !== "")
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => `${name}=${fields[name]}`)
    .join("&");
