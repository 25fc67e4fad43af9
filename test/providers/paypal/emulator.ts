import { crc32 } from "node:zlib";
import type { Pair } from "../keys.ts";

/** PayPal's Orders, Captures and signature check as far as a checkout needs them, with their state. */

interface Order {
  readonly id: string;
  readonly custom: string;
  readonly amount: { currency_code: string; value: string };
  status: "PAYER_ACTION_REQUIRED" | "APPROVED" | "COMPLETED";
  capture: string | null;
  readonly refunds: { id: string; invoice: string; cents: number; currency: string }[];
}

type Body = Record<string, unknown>;
type Money = { currency_code: string; value: string };

class Refused extends Error {
  readonly status: number;
  constructor(status: number, issue: string) {
    super(issue);
    this.status = status;
  }
}

export const CERT = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270";
const ALGORITHM = "SHA256withRSA";
const TOKEN = "A21AAemulated";

export class PayPalEmulator {
  readonly clientId = "client-id-of-the-emulator";
  readonly clientSecret = "client-secret-of-the-emulator";
  readonly webhookId = "1JE4291016473214C";
  readonly #pair: Pair;
  readonly #orders = new Map<string, Order>();
  readonly #answered = new Map<string, string>();
  readonly events: Body[] = [];
  #serial = 0;

  constructor(pair: Pair) {
    this.#pair = pair;
  }

  readonly answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const sent = await request.text();
    try {
      if (pathname === "/v1/oauth2/token") return this.#token(request);
      if (request.headers.get("authorization") !== `Bearer ${TOKEN}`)
        throw new Refused(401, "AUTHENTICATION_FAILURE");
      if (pathname === "/v1/notifications/verify-webhook-signature") return await this.#verify(sent);
      return this.#keyed(request, pathname, sent);
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause;
      const body = { name: "UNPROCESSABLE_ENTITY", debug_id: "d", details: [{ issue: cause.message }] };
      return Response.json(body, { status: cause.status });
    }
  };

  /** The buyer logs in and agrees. */
  approve(id: string): void {
    const order = this.#orders.get(id);
    if (order?.status !== "PAYER_ACTION_REQUIRED") return;
    order.status = "APPROVED";
    this.#tell("CHECKOUT.ORDER.APPROVED", this.#shown(order));
  }

  /** An event with its headers, as PayPal sends it. */
  async signed(body: string, pair = this.#pair, at = Date.now()): Promise<Headers> {
    const [id, time] = [`t-${++this.#serial}`, new Date(at).toISOString().replace(/\.\d+/, "")];
    return new Headers({
      "paypal-transmission-id": id,
      "paypal-transmission-time": time,
      "paypal-transmission-sig": await pair.sign(`${id}|${time}|${this.webhookId}|${crc32(body)}`),
      "paypal-cert-url": CERT,
      "paypal-auth-algo": ALGORITHM,
    });
  }

  #token(request: Request): Response {
    const isRight =
      request.headers.get("authorization") === `Basic ${btoa(`${this.clientId}:${this.clientSecret}`)}`;
    if (!isRight) return Response.json({ error: "invalid_client" }, { status: 401 });
    return Response.json({ access_token: TOKEN, token_type: "Bearer", expires_in: 32_400, scope: "" });
  }

  /** Over the bytes of the event as they stand in the question. */
  async #verify(sent: string): Promise<Response> {
    const [head = "", event = ""] = sent.split(/,"webhook_event":(.*)/s);
    const facts = JSON.parse(`${head}}`) as Record<string, string>;
    const { transmission_id: id, transmission_time: time, transmission_sig: signature = "" } = facts;
    const text = `${id}|${time}|${facts["webhook_id"]}|${crc32(event.slice(0, -1))}`;
    const isOurs =
      facts["cert_url"] === CERT &&
      facts["auth_algo"] === ALGORITHM &&
      facts["webhook_id"] === this.webhookId;
    const isSigned = isOurs && (await this.#pair.verify(text, signature).catch(() => false));
    return Response.json({ verification_status: isSigned ? "SUCCESS" : "FAILURE" });
  }

  /** A request id is answered with what its request has become. */
  #keyed(request: Request, pathname: string, sent: string): Response {
    const key = request.headers.get("paypal-request-id");
    const known = key === null ? undefined : this.#answered.get(`${pathname} ${key}`);
    const order = known === undefined ? undefined : this.#orders.get(known);
    if (order && !pathname.endsWith("/refund")) return Response.json(this.#shown(order), { status: 200 });
    const params = sent === "" ? {} : (JSON.parse(sent) as Body);
    const [, id = "", verb] = /^\/v2\/checkout\/orders(?:\/(\w+)(?:\/(capture))?)?$/.exec(pathname) ?? [];
    const [, capture = ""] = /^\/v2\/payments\/captures\/(\w+)\/refund$/.exec(pathname) ?? [];
    if (capture) return this.#refund(capture, params, key ?? "");
    if (request.method === "GET") return Response.json(this.#shown(this.#known(id)));
    const made = verb === "capture" ? this.#capture(this.#known(id)) : this.#create(params);
    if (key !== null) this.#answered.set(`${pathname} ${key}`, made.id);
    return Response.json(this.#shown(made), { status: 201 });
  }

  #create(params: Body): Order {
    const [unit] = (params["purchase_units"] ?? []) as { custom_id?: string; amount?: Money }[];
    if (params["intent"] !== "CAPTURE" || !unit?.amount) throw new Refused(400, "MISSING_REQUIRED_PARAMETER");
    if (!/^\d+(\.\d\d)?$/.test(unit.amount.value)) throw new Refused(422, "DECIMAL_PRECISION");
    const id = `ORDER${String(++this.#serial).padStart(8, "0")}`;
    const order: Order = {
      id,
      custom: unit.custom_id ?? "",
      amount: unit.amount,
      status: "PAYER_ACTION_REQUIRED",
      capture: null,
      refunds: [],
    };
    this.#orders.set(id, order);
    return order;
  }

  #capture(order: Order): Order {
    if (order.status === "PAYER_ACTION_REQUIRED") throw new Refused(422, "ORDER_NOT_APPROVED");
    if (order.status === "COMPLETED") throw new Refused(422, "ORDER_ALREADY_CAPTURED");
    order.status = "COMPLETED";
    order.capture = `CAP${order.id.slice(5)}`;
    const related = { supplementary_data: { related_ids: { order_id: order.id } } };
    this.#tell("PAYMENT.CAPTURE.COMPLETED", { ...captureShown(order), custom_id: order.custom, ...related });
    return order;
  }

  #refund(capture: string, params: Body, key: string): Response {
    const order = [...this.#orders.values()].find((one) => one.capture === capture);
    if (!order) throw new Refused(404, "INVALID_RESOURCE_ID");
    const known = order.refunds.find(({ id }) => id === key);
    const { value, currency_code: currency } = (params["amount"] ?? order.amount) as Money;
    const cents = Math.round(Number(value) * 100);
    const left =
      Math.round(Number(order.amount.value) * 100) - order.refunds.reduce((sum, one) => sum + one.cents, 0);
    if (!known && cents > left)
      throw new Refused(422, left === 0 ? "CAPTURE_FULLY_REFUNDED" : "REFUND_AMOUNT_EXCEEDED");
    const invoice = String(params["invoice_id"] ?? "");
    if (!known) {
      order.refunds.push({ id: key, invoice, cents, currency });
      this.#tell("PAYMENT.CAPTURE.REFUNDED", {
        id: `REF${++this.#serial}`,
        status: "COMPLETED",
        invoice_id: invoice,
      });
    }
    return Response.json({ id: key, status: "COMPLETED", invoice_id: invoice }, { status: 201 });
  }

  #known(id: string): Order {
    const order = this.#orders.get(id);
    if (!order) throw new Refused(404, "INVALID_RESOURCE_ID");
    return order;
  }

  #shown(order: Order): Body {
    const { id, status, amount, custom } = order;
    const refunds = order.refunds.map((one) => ({
      id: one.id,
      status: "COMPLETED",
      invoice_id: one.invoice,
    }));
    const payments = order.capture === null ? {} : { payments: { captures: [captureShown(order)], refunds } };
    const links = [
      { rel: "payer-action", href: `https://www.paypal.com/checkoutnow?token=${id}`, method: "GET" },
    ];
    return {
      id,
      intent: "CAPTURE",
      status,
      purchase_units: [{ custom_id: custom, amount, ...payments }],
      links,
    };
  }

  #tell(event_type: string, resource: Body): void {
    this.events.push({ id: `WH-${++this.#serial}`, event_type, resource: structuredClone(resource) });
  }
}

const captureShown = ({ capture, amount }: Order): Body => ({ id: capture, status: "COMPLETED", amount });
