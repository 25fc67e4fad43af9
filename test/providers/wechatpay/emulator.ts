import type { Pair } from "../keys.ts";

/** WeChat Pay's API v3 as far as a checkout needs it, with its state, after the documents of pay.weixin.qq.com. */

interface Trade {
  readonly terms: string;
  readonly reference: string;
  readonly total: number;
  readonly expiresAt: number;
  state: "NOTPAY" | "SUCCESS" | "CLOSED" | "REFUND";
  transaction: string | null;
}

interface Refund {
  readonly number: string;
  readonly reference: string;
  readonly amount: number;
  status: "PROCESSING" | "SUCCESS" | "ABNORMAL";
}

type Body = Record<string, unknown>;

/** What WeChat Pay signs with, and the serial that names it. */
export interface Signer {
  readonly serial: string;
  readonly pair: Pair;
}

/** A platform certificate, as it is downloaded. */
export interface PlatformCertificate extends Signer {
  readonly pem: string;
}

class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

export class WechatPayEmulator {
  readonly appid = "wx0123456789abcdef";
  readonly mchid = "1900000001";
  readonly serial = "5DEA10EF0123456789ABCDEF";
  readonly keyId = "PUB_KEY_ID_0119000000012026112100000000000001";
  readonly apiV3Key = "0123456789abcdefghijABCDEFGHIJ!?";
  readonly #merchant: Pair;
  /** Its public key, or the certificate that it has come to. */
  signer: Signer;
  /** None for a merchant who was given a public key. */
  certificates: readonly PlatformCertificate[] = [];
  readonly #now: () => number;
  readonly #trades = new Map<string, Trade>();
  readonly #refunds = new Map<string, Refund>();
  /** What would be notified, opened. */
  readonly notifications: { type: string; resource: Body }[] = [];
  #serials = 0;

  constructor(merchant: Pair, platform: Pair, now: () => number = Date.now) {
    this.#merchant = merchant;
    this.signer = { serial: this.keyId, pair: platform };
    this.#now = now;
  }

  readonly answer = async (request: Request): Promise<Response> => {
    const sent = await request.text();
    try {
      await this.#prove(request, sent);
      const url = new URL(request.url);
      if (url.pathname === "/v3/billdownload/file") return new Response(this.bill());
      const body = await this.#answerTo(request.method, url, sent === "" ? {} : (JSON.parse(sent) as Body));
      return await this.signed(body === null ? 204 : 200, body === null ? "" : JSON.stringify(body));
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause;
      return this.signed(cause.status, JSON.stringify({ code: cause.code, message: cause.code }));
    }
  };

  /** An answer, or a notification, as WeChat Pay signs it. */
  async signed(status: number, body: string, at = this.#now(), pair = this.signer.pair): Promise<Response> {
    const timestamp = String(Math.floor(at / 1_000));
    const nonce = `nonce${++this.#serials}`;
    return new Response(status === 204 ? null : body, {
      status,
      headers: {
        "content-type": "application/json",
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-serial": this.signer.serial,
        "wechatpay-signature": await pair.sign(`${timestamp}\n${nonce}\n${body}\n`),
      },
    });
  }

  /** A notification sealed with the merchant's key. */
  async sealed(
    type: string,
    resource: Body,
    id = `evt-${++this.#serials}`,
    key = this.apiV3Key,
  ): Promise<string> {
    const original = type.startsWith("REFUND") ? "refund" : "transaction";
    const sealed = await sealedWith(key, original, JSON.stringify(resource));
    return JSON.stringify({
      id,
      create_time: "2026-11-21T10:00:00+08:00",
      event_type: type,
      resource_type: "encrypt-resource",
      summary: "支付成功",
      resource: { ...sealed, original_type: original },
    });
  }

  /** What `/v3/certificates` says of these: each sealed with the merchant's key. */
  async certificateList(certificates = this.certificates, key = this.apiV3Key): Promise<Body> {
    const one = async ({ serial, pem }: PlatformCertificate) => ({
      serial_no: serial,
      effective_time: "2026-11-21T10:00:00+08:00",
      expire_time: "2031-11-20T10:00:00+08:00",
      encrypt_certificate: await sealedWith(key, "certificate", pem),
    });
    return { data: await Promise.all(certificates.map(one)) };
  }

  pay(reference: string): void {
    const trade = this.#trades.get(reference);
    if (trade?.state !== "NOTPAY" || this.#now() >= trade.expiresAt) return;
    trade.state = "SUCCESS";
    trade.transaction = `42000000000000000000000000${String(++this.#serials).padStart(2, "0")}`;
    this.notifications.push({ type: "TRANSACTION.SUCCESS", resource: this.#shown(trade) });
  }

  /** The day's bill, in yuan although the API counts fen, each value behind a mark. */
  bill(): string {
    const names =
      "交易时间,公众账号ID,商户号,微信订单号,商户订单号,交易状态,应结订单金额,微信退款单号,商户退款单号,退款金额,商品名称,订单金额,申请退款金额";
    const row = (...values: string[]) => values.map((value) => `\`${value}`).join(",");
    const time = "2026-11-21 10:00:00";
    const head = [time, this.appid, this.mchid];
    const yuan = (fen: number) => (fen / 100).toFixed(2);
    const paid = [...this.#trades.values()]
      .filter(({ transaction }) => transaction !== null)
      .map(({ reference, total, transaction }) =>
        row(
          ...head,
          transaction ?? "",
          reference,
          "SUCCESS",
          yuan(total),
          "0",
          "0",
          "0.00",
          "红灯, 大号",
          yuan(total),
          "0.00",
        ),
      );
    const back = [...this.#refunds.values()].map(({ number, reference, amount }) =>
      row(
        ...head,
        "4200",
        reference,
        "REFUND",
        "0.00",
        "5030",
        number,
        yuan(amount),
        "红灯",
        "0.00",
        yuan(amount),
      ),
    );
    const summary = ["总交易单数,应结订单总金额,退款总金额", row(String(paid.length), "0.00", "0.00")];
    return `\uFEFF${[names, ...paid, ...back, ...summary].join("\r\n")}\r\n`;
  }

  async #billAt(): Promise<Body> {
    const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(this.bill()));
    const hash_value = Buffer.from(digest).toString("hex");
    return {
      hash_type: "SHA1",
      hash_value,
      download_url: "https://api.mch.weixin.qq.com/v3/billdownload/file?token=t",
    };
  }

  /** Refunds come to their end, good or bad. */
  settle(end: "SUCCESS" | "ABNORMAL" = "SUCCESS"): void {
    for (const refund of this.#refunds.values()) {
      if (refund.status !== "PROCESSING") continue;
      refund.status = end;
      const { number: out_refund_no, reference: out_trade_no } = refund;
      const resource = { mchid: this.mchid, out_trade_no, out_refund_no, refund_status: end };
      this.notifications.push({ type: `REFUND.${end}`, resource });
    }
  }

  async #prove(request: Request, sent: string): Promise<void> {
    const { pathname, search } = new URL(request.url);
    const [scheme, rest = ""] = (request.headers.get("authorization") ?? "").split(/ (.*)/s);
    const fields = Object.fromEntries(
      [...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    );
    const { mchid, nonce_str: nonce, timestamp = "", serial_no: serial, signature = "" } = fields;
    const isFresh = Math.abs(this.#now() - Number(timestamp) * 1_000) < 300_000;
    const text = `${request.method}\n${pathname}${search}\n${timestamp}\n${nonce}\n${sent}\n`;
    const isSigned = scheme === "WECHATPAY2-SHA256-RSA2048" && (await this.#merchant.verify(text, signature));
    if (mchid !== this.mchid || serial !== this.serial || !isFresh || !isSigned)
      throw new Refused(401, "SIGN_ERROR");
  }

  async #answerTo(method: string, url: URL, sent: Body): Promise<Body | null> {
    if (url.pathname === "/v3/bill/tradebill") return this.#billAt();
    if (url.pathname !== "/v3/certificates") return this.#route(method, url, sent);
    if (this.certificates.length === 0) throw new Refused(404, "RESOURCE_NOT_EXISTS");
    return this.certificateList();
  }

  #route(method: string, { pathname, searchParams }: URL, sent: Body): Body | null {
    const [, way] = /^\/v3\/pay\/transactions\/(native|h5|jsapi)$/.exec(pathname) ?? [];
    if (way && method === "POST") return this.#create(way, sent);
    const [, reference, verb] =
      /^\/v3\/pay\/transactions\/out-trade-no\/(\w+)(\/close)?$/.exec(pathname) ?? [];
    if (reference && verb) return this.#close(reference, sent);
    if (reference) {
      if (searchParams.get("mchid") !== this.mchid) throw new Refused(400, "PARAM_ERROR");
      return this.#shown(this.#known(reference));
    }
    if (pathname === "/v3/refund/domestic/refunds" && method === "POST") return this.#refund(sent);
    const [, number = ""] = /^\/v3\/refund\/domestic\/refunds\/(\w+)$/.exec(pathname) ?? [];
    const refund = this.#refunds.get(number);
    if (!refund) throw new Refused(404, "RESOURCE_NOT_EXISTS");
    return refundShown(refund);
  }

  #create(way: string, sent: Body): Body {
    const {
      appid,
      mchid,
      out_trade_no: reference,
      notify_url: url,
      time_expire: expires,
      description,
    } = sent;
    const { total, currency } = (sent["amount"] ?? {}) as { total?: number; currency?: string };
    const isWhole =
      appid === this.appid &&
      mchid === this.mchid &&
      /^[\w|*-]{6,32}$/.test(String(reference)) &&
      /^https?:\/\/[^?]+$/.test(String(url)) &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/.test(String(expires)) &&
      String(description).length > 0 &&
      Number.isInteger(total) &&
      currency === "CNY";
    const { payer, scene_info: scene } = sent as { payer?: { openid?: string }; scene_info?: Body };
    if (!isWhole || (way === "jsapi" && !payer?.openid) || (way === "h5" && !scene?.["payer_client_ip"]))
      throw new Refused(400, "PARAM_ERROR");
    const terms = JSON.stringify(sent);
    const known = this.#trades.get(String(reference));
    if (known && known.terms !== terms) throw new Refused(400, "INVALID_REQUEST");
    if (known?.state === "CLOSED") throw new Refused(400, "ORDER_CLOSED");
    if (known && known.state !== "NOTPAY") throw new Refused(400, "ORDERPAID");
    // A time that is too near is made one without a word.
    const expiresAt = Math.max(Date.parse(String(expires)), this.#now() + 60_000);
    const facts = { terms, reference: String(reference), total: total ?? 0, transaction: null };
    if (!known) this.#trades.set(facts.reference, { ...facts, expiresAt, state: "NOTPAY" });
    if (way === "h5")
      return { h5_url: `https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?id=${facts.reference}` };
    return way === "jsapi"
      ? { prepay_id: `wx${facts.reference}` }
      : { code_url: `weixin://wxpay/bizpayurl?pr=${facts.reference}` };
  }

  /** A number that nobody knows is closed without a word, as the real one does. */
  #close(reference: string, sent: Body): null {
    if (sent["mchid"] !== this.mchid) throw new Refused(400, "PARAM_ERROR");
    const trade = this.#trades.get(reference);
    if (!trade) return null;
    if (trade.state === "SUCCESS" || trade.state === "REFUND") throw new Refused(400, "ORDERPAID");
    trade.state = "CLOSED";
    return null;
  }

  #refund(sent: Body): Body {
    const {
      out_trade_no: reference,
      out_refund_no: number,
      amount,
    } = sent as {
      out_trade_no: string;
      out_refund_no: string;
      amount: { refund: number; total: number };
    };
    const trade = this.#trades.get(reference);
    if (!trade || trade.transaction === null) throw new Refused(404, "RESOURCE_NOT_EXISTS");
    const known = this.#refunds.get(number);
    if (known) {
      if (known.amount !== amount.refund) throw new Refused(400, "INVALID_REQUEST");
      return refundShown(known);
    }
    const given = [...this.#refunds.values()].filter(
      (one) => one.reference === reference && one.status !== "ABNORMAL",
    );
    const left = trade.total - given.reduce((sum, one) => sum + one.amount, 0);
    if (amount.total !== trade.total || amount.refund > left) throw new Refused(400, "INVALID_REQUEST");
    trade.state = "REFUND";
    const refund: Refund = { number, reference, amount: amount.refund, status: "PROCESSING" };
    this.#refunds.set(number, refund);
    return refundShown(refund);
  }

  #known(reference: string): Trade {
    const trade = this.#trades.get(reference);
    if (!trade) throw new Refused(404, "ORDER_NOT_EXIST");
    return trade;
  }

  #shown({ reference, state, transaction, total }: Trade): Body {
    const facts = { appid: this.appid, mchid: this.mchid, out_trade_no: reference, trade_state: state };
    // A coupon pays a part: the price is what counts.
    const amount = { total, payer_total: Math.max(total - 1, 0), currency: "CNY", payer_currency: "CNY" };
    return { ...facts, ...(transaction !== null && { transaction_id: transaction, amount }) };
  }
}

async function sealedWith(key: string, context: string, text: string) {
  const bytes = (plain: string) => new TextEncoder().encode(plain);
  const nonce = "0123456789ab";
  const sealer = await crypto.subtle.importKey("raw", bytes(key), "AES-GCM", false, ["encrypt"]);
  const algorithm = { name: "AES-GCM", iv: bytes(nonce), additionalData: bytes(context) };
  const ciphertext = Buffer.from(await crypto.subtle.encrypt(algorithm, sealer, bytes(text)));
  return {
    algorithm: "AEAD_AES_256_GCM",
    ciphertext: ciphertext.toString("base64"),
    nonce,
    associated_data: context,
  };
}

const refundShown = ({ number, reference, amount, status }: Refund): Body => ({
  out_refund_no: number,
  out_trade_no: reference,
  amount: { refund: amount },
  status,
});
