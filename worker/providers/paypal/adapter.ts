import { sameMoney } from "../../../schema/money.ts";
import type { Payment } from "../../../schema/order.ts";
import { err } from "../../../schema/result.ts";
import { decimalOf } from "../decimal.ts";
import { exactText } from "../exact-text.ts";
import { isFresh } from "../fresh.ts";
import type { Outbound, PaymentOutcome, PaymentProvider, Purchase, RefundOutcome } from "../port.ts";
import { orUnknown, unknown } from "../unknown.ts";
import { HOSTS, type PayPalAccount } from "./account.ts";
import {
  approvalOf,
  captureOf,
  issueOf,
  knownRefundOf,
  methodsAt,
  noticeOf,
  outcomeOf,
  readOrder,
  refundOutcomeOf,
  type PayPalOrder,
} from "./wire.ts";

const DESCRIPTION_CHARS_MAX = 127;
/** A token is asked for again this long before its end. */
const TOKEN_MARGIN_MS = 60_000;
/** PayPal remembers a request's id for six hours: a creation that is repeated later would be another one. */
const REQUEST_ID_MS = 5 * 3_600_000;
/** PayPal tries for three days; what is older is nobody's try but somebody's replay. */
const NOTICE_AGE_MS_MAX = 73 * 3_600_000;

/** What PayPal's signature is made of, each with its form: a header that came twice has a comma in it. */
const HEADERS = {
  transmission_id: ["paypal-transmission-id", /^[\w-]{1,64}$/],
  transmission_time: ["paypal-transmission-time", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/],
  transmission_sig: ["paypal-transmission-sig", /^[A-Za-z0-9+/]{1,700}={0,2}$/],
  cert_url: ["paypal-cert-url", /^https:\/\/[\w.-]+\.paypal\.com\/[\w./-]+$/],
  auth_algo: ["paypal-auth-algo", /^[\w-]{1,32}$/],
} as const;

/** One PayPal application behind the port. What a buyer has approved is taken when the stock is sold, or never. */
export function paypal(id: string, account: PayPalAccount, outbound: Outbound): PaymentProvider {
  const api = new Api(account, outbound);

  const orderAt = async (payment: Payment, purchase: Purchase): Promise<PayPalOrder> =>
    payment.providerRef === null ? made(api, payment, purchase) : api.order(payment.providerRef);

  return {
    name: "paypal",
    account: id,
    methods: methodsAt(account.creations_per_second),

    create: (payment, purchase) => orUnknown(async () => withAction(await made(api, payment, purchase))),

    query: (payment, purchase) =>
      orUnknown(async () => {
        const order = await orderAt(payment, purchase);
        return payment.providerRef === null ? withAction(order) : outcomeOf(order);
      }),

    // There is nothing to close: until it is captured nobody pays, and from here on nobody captures it.
    close: (payment, purchase) =>
      orUnknown(async (): Promise<PaymentOutcome> => {
        const outcome = outcomeOf(await orderAt(payment, purchase));
        return outcome.kind === "open" || outcome.kind === "authorized" ? { kind: "closed" } : outcome;
      }),

    capture: (payment) =>
      orUnknown(async () => {
        if (payment.providerRef === null) return unknown("PayPal has not named this payment yet");
        const order = await api.order(payment.providerRef);
        const known = outcomeOf(order);
        if (known.kind !== "authorized") return known;
        if (!sameMoney(known.amount, payment.amount)) return unknown("another amount was approved");
        const captured = await api.ask(
          "POST",
          `/v2/checkout/orders/${order.id}/capture`,
          {},
          `${payment.id}-capture`,
        );
        const read = readOrder(captured.body);
        if (read) return outcomeOf(read);
        if (issueOf(captured.body) === "INSTRUMENT_DECLINED") return { kind: "failed", failure: "declined" };
        return captured.status === 422
          ? outcomeOf(await api.order(order.id))
          : unknown(issueOf(captured.body));
      }),

    refund: (refund, payment) =>
      orUnknown(async (): Promise<RefundOutcome> => {
        const order = await api.order(payment.providerRef ?? "");
        const [known, capture] = [outcomeOf(order), captureOf(order)];
        if (known.kind === "unknown") return known;
        if (!capture) return { kind: "failed", failure: "nothing was captured" };
        const { currency: currency_code } = refund.amount;
        const terms = { amount: { currency_code, value: decimalOf(refund.amount) }, invoice_id: refund.id };
        const { status, body } = await api.ask(
          "POST",
          `/v2/payments/captures/${capture.id}/refund`,
          terms,
          refund.id,
        );
        if (status === 200 || status === 201) return refundOutcomeOf(body);
        const isRefused = status === 400 || status === 422;
        return isRefused ? { kind: "failed", failure: issueOf(body) } : unknown(issueOf(body));
      }),

    queryRefund: (refund, payment) =>
      orUnknown(async () => {
        const order = await api.order(payment.providerRef ?? "");
        const known = outcomeOf(order);
        return known.kind === "unknown" ? known : knownRefundOf(order, refund);
      }),

    async readNotice(headers, body, now) {
      const refused = (detail: string) => err({ code: "invalid_signature" as const, detail });
      const signature: Record<string, string> = {};
      for (const [field, [header, form]] of Object.entries(HEADERS)) {
        const value = headers.get(header) ?? "";
        if (!form.test(value)) return refused(`The header ${header} is missing or malformed.`);
        signature[field] = value;
      }
      const sentAt = Date.parse(signature["transmission_time"] ?? "");
      if (!isFresh(sentAt, NOTICE_AGE_MS_MAX, [now, Date.now()]))
        return refused("The event is too old, or from the future.");
      const text = exactText(body);
      if (text === null) return refused("The body is not UTF-8.");
      return (await api.hasSigned(signature, text))
        ? noticeOf(text, id)
        : refused("PayPal does not know it.");
    },

    acknowledge: () => new Response(null, { status: 200 }),
  };
}

/** The order of a payment, made or found: under one request id it is one order, and the answer is what it is now. */
async function made(api: Api, payment: Payment, purchase: Purchase): Promise<PayPalOrder> {
  if (Date.now() >= payment.createdAt + REQUEST_ID_MS) throw new Error("PayPal has forgotten this payment");
  const { id, amount, callbackUrl, returnUrl } = payment;
  const { origin } = new URL(callbackUrl);
  const value = { currency_code: amount.currency, value: decimalOf(amount) };
  const { status, body } = await api.ask(
    "POST",
    "/v2/checkout/orders",
    {
      intent: "CAPTURE",
      purchase_units: [
        { custom_id: id, description: purchase.description.slice(0, DESCRIPTION_CHARS_MAX), amount: value },
      ],
      payment_source: {
        paypal: {
          experience_context: {
            user_action: "PAY_NOW",
            shipping_preference: "NO_SHIPPING",
            return_url: returnUrl ?? `${origin}/orders/${purchase.order}?returned=1`,
            cancel_url: `${origin}/orders/${purchase.order}/pay`,
          },
        },
      },
    },
    id,
  );
  const order = status === 200 || status === 201 ? readOrder(body) : null;
  if (!order) throw new Error(`PayPal refuses: ${issueOf(body)}`);
  return order;
}

function withAction(order: PayPalOrder): PaymentOutcome {
  const outcome = outcomeOf(order);
  const url = approvalOf(order);
  return outcome.kind === "open" && url !== null
    ? { kind: "action_required", providerRef: order.id, action: { type: "redirect", url } }
    : outcome;
}

class Api {
  readonly #account: PayPalAccount;
  readonly #outbound: Outbound;
  #token: { readonly value: string; readonly endsAt: number } | null = null;

  constructor(account: PayPalAccount, outbound: Outbound) {
    this.#account = account;
    this.#outbound = outbound;
  }

  async order(id: string): Promise<PayPalOrder> {
    if (!/^\w{1,64}$/.test(id)) throw new Error("PayPal has not named this payment yet");
    const { status, body } = await this.ask("GET", `/v2/checkout/orders/${id}`);
    const order = status === 200 ? readOrder(body) : null;
    if (!order) throw new Error(`PayPal says ${issueOf(body)}`);
    return order;
  }

  /** @throws when no answer came, or one that is no answer. */
  async ask(
    method: "GET" | "POST",
    path: string,
    params?: Record<string, unknown>,
    requestId?: string,
  ): Promise<{ status: number; body: unknown }> {
    return this.#send(method, path, params && JSON.stringify(params), requestId);
  }

  /** PayPal is asked whether it has signed these very bytes: they are passed on as they came. */
  async hasSigned(signature: Record<string, string>, event: string): Promise<boolean> {
    const fields = JSON.stringify({ ...signature, webhook_id: this.#account.webhook_id });
    const params = `${fields.slice(0, -1)},"webhook_event":${event}}`;
    try {
      const { body } = await this.#send("POST", "/v1/notifications/verify-webhook-signature", params);
      return (body as { verification_status?: unknown }).verification_status === "SUCCESS";
    } catch {
      return false;
    }
  }

  async #send(
    method: "GET" | "POST",
    path: string,
    sent?: string,
    requestId?: string,
  ): Promise<{ status: number; body: unknown }> {
    const answer = await this.#outbound(
      new Request(`${HOSTS[this.#account.environment]}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await this.#access()}`,
          "content-type": "application/json",
          prefer: "return=representation",
          ...(requestId !== undefined && { "paypal-request-id": requestId }),
        },
        ...(sent !== undefined && { body: sent }),
      }),
    );
    if (answer.status >= 500) throw new Error(`PayPal answers ${answer.status}`);
    if (answer.status === 401) this.#token = null;
    return { status: answer.status, body: await answer.json() };
  }

  async #access(): Promise<string> {
    const now = Date.now();
    if (this.#token && now < this.#token.endsAt) return this.#token.value;
    const { client_id: id, client_secret: secret, environment } = this.#account;
    const answer = await this.#outbound(
      new Request(`${HOSTS[environment]}/v1/oauth2/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
        body: new URLSearchParams({ grant_type: "client_credentials" }),
      }),
    );
    const said = await answer.json<{ access_token?: unknown; expires_in?: unknown }>();
    if (typeof said.access_token !== "string") throw new Error("PayPal lets nobody in with these keys");
    this.#token = {
      value: said.access_token,
      endsAt: now + Number(said.expires_in) * 1_000 - TOKEN_MARGIN_MS,
    };
    return this.#token.value;
  }
}
