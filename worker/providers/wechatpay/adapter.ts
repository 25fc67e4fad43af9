import type { Payment, PaymentAction } from "../../../schema/order.ts";
import { err } from "../../../schema/result.ts";
import { exactText } from "../exact-text.ts";
import { FOR_BILLS, NUMBERED } from "../outbound.ts";
import type { Outbound, PaymentOutcome, PaymentProvider, Purchase, RefundOutcome } from "../port.ts";
import { billOr, orUnknown, unknown } from "../unknown.ts";
import { HOST, type WechatPayAccount } from "./account.ts";
import { isWhole, readBill } from "./bill.ts";
import { PlatformKeys } from "./certificates.ts";
import { Envelope, faultOf } from "./envelope.ts";
import {
  codeOf,
  methodsAt,
  noticeOf,
  notificationOf,
  outcomeOf,
  refundOutcomeOf,
  timeExpire,
  wayOf,
  type Way,
} from "./wire.ts";

const DESCRIPTION_CHARS_MAX = 127;
const REASON_BYTES_MAX = 80;

/** Refused because the payment is another's word for finished: what it is now is the better answer. */
const OTHER_STATES = new Set(["ORDERPAID", "ORDER_PAID", "ORDER_CLOSED", "ORDERCLOSED", "OUT_TRADE_NO_USED"]);
const NEVER_HEARD_OF = new Set(["ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"]);

/** One merchant number at WeChat Pay behind the port. Money is taken at once, so a success that comes too late is given back. */
export function wechatpay(id: string, account: WechatPayAccount, outbound: Outbound): PaymentProvider {
  const envelope = new Envelope(account);
  const keys = new PlatformKeys(account, envelope, outbound);
  const api = new Api(account, envelope, keys, outbound);

  const query = async (payment: Payment): Promise<PaymentOutcome> => {
    const { status, body } = await api.ask("GET", `${tradePath(payment)}?mchid=${account.mchid}`);
    if (status === 200) return outcomeOf(body, payment);
    return NEVER_HEARD_OF.has(codeOf(body)) ? { kind: "not_found" } : unknown(codeOf(body));
  };

  return {
    name: "wechatpay",
    account: id,
    methods: methodsAt(account.creations_per_second),

    create: (payment, purchase) =>
      orUnknown(async () => {
        const way = wayOf(payment);
        const wanted = orderParams(account, payment, purchase);
        const { status, body } = await api.ask("POST", `/v3/pay/transactions/${way}`, wanted);
        if (OTHER_STATES.has(codeOf(body))) return query(payment);
        const action = status === 200 ? await actionOf(way, body, envelope) : null;
        return action ? { kind: "action_required", providerRef: payment.id, action } : unknown(codeOf(body));
      }),

    query: (payment) => orUnknown(() => query(payment)),

    close: (payment) =>
      orUnknown(async () => {
        const { status, body } = await api.ask("POST", `${tradePath(payment)}/close`, {
          mchid: account.mchid,
        });
        // A number that was never used is closed without a word as well: what is there now is the answer.
        if (status === 204 || OTHER_STATES.has(codeOf(body))) return query(payment);
        return NEVER_HEARD_OF.has(codeOf(body)) ? { kind: "not_found" } : unknown(codeOf(body));
      }),

    capture: async () => unknown("nothing to capture: money is taken at once"),

    refund: (refund, payment) =>
      orUnknown(async (): Promise<RefundOutcome> => {
        const { status, body } = await api.ask("POST", "/v3/refund/domestic/refunds", {
          out_trade_no: payment.id,
          out_refund_no: refund.id,
          reason: shortened(refund.reason),
          notify_url: payment.callbackUrl,
          amount: {
            refund: refund.amount.amount,
            total: payment.amount.amount,
            currency: payment.amount.currency,
          },
        });
        if (status === 200) return refundOutcomeOf(body);
        const isRefused = status === 400 || status === 403 || status === 404;
        return isRefused ? { kind: "failed", failure: codeOf(body) } : unknown(codeOf(body));
      }),

    queryRefund: (refund) =>
      orUnknown(async (): Promise<RefundOutcome> => {
        const { status, body } = await api.ask("GET", `/v3/refund/domestic/refunds/${refund.id}`);
        if (status === 200) return refundOutcomeOf(body);
        return NEVER_HEARD_OF.has(codeOf(body)) ? { kind: "not_found" } : unknown(codeOf(body));
      }),

    bill: (day) =>
      billOr(async () => {
        const { status, body } = await api.ask("GET", `/v3/bill/tradebill?bill_date=${day}&bill_type=ALL`);
        if (codeOf(body) === "NO_STATEMENT_EXIST") return [];
        const { hash_value: sha1, download_url: url } = (body ?? {}) as {
          hash_value?: unknown;
          download_url?: unknown;
        };
        if (status !== 200 || typeof sha1 !== "string" || typeof url !== "string")
          throw new Error(`WeChat Pay has no bill: ${codeOf(body)}`);
        const bytes = await api.download(url);
        if (!(await isWhole(bytes, sha1))) throw new Error("the bill is not the one that was promised");
        return readBill(new TextDecoder().decode(bytes));
      }),

    async readNotice(headers, bytes, now) {
      const text = exactText(bytes);
      if (text === null) return err({ code: "invalid_signature", detail: "The body is not UTF-8." });
      const detail = await faultOf(headers, text, [now, Date.now()], keys.of);
      if (detail !== null) return err({ code: "invalid_signature", detail });
      const notification = notificationOf(text);
      const plain = notification && (await envelope.open(notification.resource));
      if (!notification || plain === null)
        return err({ code: "invalid_request", detail: "It holds nothing that our key opens." });
      return noticeOf(notification, plain, id, account);
    },

    acknowledge: () => Response.json({ code: "SUCCESS", message: "" }),
  };
}

const tradePath = ({ id }: Payment): string => `/v3/pay/transactions/out-trade-no/${id}`;

/** Nothing in it but what never changes of a payment: a creation that is repeated with other words is refused. */
function orderParams(
  { appid, mchid }: WechatPayAccount,
  payment: Payment,
  purchase: Purchase,
): Record<string, unknown> {
  const way = wayOf(payment);
  return {
    appid,
    mchid,
    description: purchase.description.slice(0, DESCRIPTION_CHARS_MAX),
    out_trade_no: payment.id,
    time_expire: timeExpire(payment, purchase),
    notify_url: payment.callbackUrl,
    amount: { total: payment.amount.amount, currency: payment.amount.currency },
    ...(way === "jsapi" && { payer: { openid: payment.payer } }),
    ...(way === "h5" && { scene_info: { payer_client_ip: payment.payer, h5_info: { type: "Wap" } } }),
  };
}

async function actionOf(way: Way, body: unknown, envelope: Envelope): Promise<PaymentAction | null> {
  const said = body as { code_url?: unknown; h5_url?: unknown; prepay_id?: unknown };
  if (way === "native" && typeof said.code_url === "string") return { type: "qr", content: said.code_url };
  if (way === "h5" && typeof said.h5_url === "string") return { type: "redirect", url: said.h5_url };
  if (way === "jsapi" && typeof said.prepay_id === "string")
    return { type: "client_secret", clientSecret: await envelope.launch(said.prepay_id) };
  return null;
}

/** As many whole characters as fit. */
function shortened(reason: string): string {
  let text = reason;
  while (new TextEncoder().encode(text).length > REASON_BYTES_MAX) text = text.slice(0, -1);
  return text;
}

interface Said {
  readonly status: number;
  readonly body: unknown;
}

/** Calls of the API, signed by us and proven to be answered by WeChat Pay. */
class Api {
  /** Of the key that answers should be signed with; null where that is a certificate, which WeChat Pay chooses itself. */
  readonly #serial: string | null;
  readonly #envelope: Envelope;
  readonly #keys: PlatformKeys;
  readonly #outbound: Outbound;

  constructor(account: WechatPayAccount, envelope: Envelope, keys: PlatformKeys, outbound: Outbound) {
    this.#serial = Object.keys(account.platform_keys)[0] ?? null;
    this.#envelope = envelope;
    this.#keys = keys;
    this.#outbound = outbound;
  }

  /** What a signed answer has pointed to. It is not signed itself: whoever reads it compares its hash. */
  async download(address: string): Promise<Uint8Array<ArrayBuffer>> {
    const { origin, pathname, search } = new URL(address);
    if (origin !== HOST) throw new Error("the bill lies at another host");
    const authorization = await this.#envelope.authorization("GET", `${pathname}${search}`, "");
    const headers = { accept: "*/*", authorization, "user-agent": "Doorbuster" };
    const answer = await this.#outbound(new Request(address, { headers }), FOR_BILLS);
    if (answer.status !== 200) throw new Error(`the bill is not there: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** @throws when no answer came that can be WeChat Pay's. */
  async ask(method: "GET" | "POST", target: string, params?: Record<string, unknown>): Promise<Said> {
    const sent = params ? JSON.stringify(params) : "";
    const answer = await this.#outbound(
      new Request(`${HOST}${target}`, {
        method,
        headers: {
          accept: "application/json",
          authorization: await this.#envelope.authorization(method, target, sent),
          "user-agent": "Doorbuster",
          ...(this.#serial !== null && { "wechatpay-serial": this.#serial }),
          ...(params && { "content-type": "application/json" }),
        },
        ...(params && { body: sent }),
      }),
      NUMBERED,
    );
    const text = await answer.text();
    if (answer.status >= 500) throw new Error(`WeChat Pay answers ${answer.status}`);
    // Like the official libraries: a success is believed only when it is signed, while a refusal may come without.
    const isSigned = answer.ok || answer.headers.has("wechatpay-signature");
    const fault = isSigned ? await faultOf(answer.headers, text, [Date.now()], this.#keys.of) : null;
    if (fault !== null) throw new Error(`the answer is not WeChat Pay's: ${fault}`);
    return { status: answer.status, body: text === "" ? null : (JSON.parse(text) as unknown) };
  }
}
