import { randomUUID } from "node:crypto";
import { refundIdOf, paymentIdOf, type OrderId } from "../../schema/ids.ts";
import type { Client, OrderBody } from "../../worker/local/client.ts";
import { bankCallback } from "../fixtures/bank-callback.ts";
import { race, sent, type Heard, type Shot } from "../fixtures/wire.ts";
import { nameOf, type ApiDocument, type Operation } from "../fuzz/document.ts";
import { SECRETS, until } from "../system/server.ts";
import { PATIENCE_MS } from "./race.ts";

export const PRICE = 100;
/** Longer than a pack lasts: time ends an order in a race that is about it and in no other, and the books need not wait for it. */
export const HOLD_SECONDS = 86_400;
const PRIVATE = /^\/sandbox\//;

export interface Place {
  readonly sale: string;
  readonly sku: string;
}

/** An order, and what is known of it. */
export interface Bought extends Place {
  readonly token: string;
  readonly id: OrderId;
  readonly key: string;
  readonly payBy: number;
  /** The race that it was made for, for whoever reads that something is wrong with it. */
  readonly race: string;
  /** The bank said that it had money which it never had: it will give none back. */
  lied?: true;
}
/** An order with a payment that was started. */
export interface Asked extends Bought {
  readonly payKey: string;
  /** The bank's name of the payment. */
  readonly bank: string;
}

const freshKey = (): string => randomUUID();

/** Where races are run: it places orders, brings them to where a race begins, and remembers all it has ever seen. */
export class Shop {
  readonly client: Client;
  readonly orders = new Map<string, Bought>();
  /** SKUs, and units that staff were told were added. */
  readonly skus = new Map<string, { initial: number; restocked: number }>();
  /** Operations that were raced. */
  readonly raced = new Set<string>();
  sockets = 0;
  readonly #document: ApiDocument;
  #serial = 0;

  constructor(client: Client, document: ApiDocument) {
    this.client = client;
    this.#document = document;
  }

  fresh(what: string): string {
    return `${what}-${++this.#serial}`;
  }

  saleShot(
    { sale, sku }: Place,
    facts: { stock?: number; holdSeconds?: number; max?: number; price?: number; closed?: boolean } = {},
  ): Shot {
    const now = Date.now();
    const {
      stock = 1_000_000,
      holdSeconds = HOLD_SECONDS,
      max = 1_000,
      price = PRICE,
      closed = false,
    } = facts;
    const body = {
      name: sale,
      opens_at: new Date(now - 3_600_000).toISOString(),
      closes_at: new Date(closed ? now - 1_000 : now + 3_600_000).toISOString(),
      per_buyer_max: max,
      hold_seconds: holdSeconds,
      skus: [{ sku, name: sku, price: { amount: price, currency: "CNY" }, stock }],
    };
    return { method: "PUT", path: `/v1/admin/sales/${sale}`, token: SECRETS.ADMIN_KEY, body };
  }

  async sale(facts: Parameters<Shop["saleShot"]>[1] = {}): Promise<Place> {
    const place = { sale: this.fresh("race"), sku: this.fresh("race-lamp") };
    const { status, text } = await sent(this.client.origin, this.saleShot(place, facts));
    if (status !== 200) throw new Error(`no sale: ${text}`);
    this.skus.set(place.sku, { initial: facts.stock ?? 1_000_000, restocked: 0 });
    return place;
  }

  buyer(): Promise<string> {
    return this.client.token(this.fresh("racer"));
  }

  async placed(place: Place, name: string): Promise<Bought> {
    const token = await this.buyer();
    const key = freshKey();
    const { status, body, text } = await sent(this.client.origin, orderShot(place, token, key));
    if (status !== 201) throw new Error(`no order: ${text}`);
    return this.remember(body, { ...place, token, key, race: name });
  }

  remember(order: OrderBody, facts: Omit<Bought, "id" | "payBy">): Bought {
    const bought = { ...facts, id: order.id as OrderId, payBy: Date.parse(order.pay_by) };
    this.orders.set(bought.id, bought);
    return bought;
  }

  async asked(bought: Bought): Promise<Asked> {
    const payKey = freshKey();
    const { status, body, text } = await sent(this.client.origin, payShot(bought, payKey));
    if (status !== 201) throw new Error(`no payment: ${text}`);
    return { ...bought, payKey, bank: String(body.action.url).split("/").at(-1) ?? "" };
  }

  /** The bank has the money, and has not said so. */
  async approved(asked: Asked): Promise<Asked> {
    if (!(await this.client.approve(asked.bank))) throw new Error("the bank did not take it");
    return asked;
  }

  async paid(asked: Asked): Promise<Asked> {
    await sent(this.client.origin, paidShot(asked));
    await this.becomes(asked, "paid");
    return asked;
  }

  /** Paid, by a word of the bank that was not true: whatever it is asked to give back fails. */
  async lied(asked: Asked): Promise<Asked> {
    const bought = this.orders.get(asked.id);
    if (bought) bought.lied = true;
    return this.paid(asked);
  }

  becomes({ id, token }: Bought, state: string): Promise<OrderBody> {
    const read = async () => (await this.client.read(token, id)).body;
    return until(`${id} is ${state}`, PATIENCE_MS, read, (seen) => seen.state === state);
  }

  /** Races requests and holds each answer to the document. What it learns of orders it remembers. */
  async race(name: string, shots: readonly Shot[], at?: number): Promise<Heard[]> {
    this.sockets += shots.length;
    const all = await race(this.client.origin, shots, at);
    for (const [index, heard] of all.entries()) {
      const shot = shots[index];
      if (shot) this.#hold(name, shot, heard);
    }
    return all;
  }

  #hold(name: string, shot: Shot, { status, headers, text, body }: Heard): void {
    const what = `${name}: ${shot.method} ${shot.path} was answered with ${status} ${text.slice(0, 300)}`;
    if (status >= 500) throw new Error(what);
    if (PRIVATE.test(shot.path)) return;
    const operation = this.#operationOf(shot);
    this.raced.add(nameOf(operation));
    const why = this.#document.undocumented(operation, status, headers.get("content-type") ?? "", text);
    if (why !== null) throw new Error(`${what}: ${why}`);
    if (status !== 201 || shot.path !== "/v1/orders" || this.orders.has(body.id)) return;
    const { sale, lines } = shot.body as { sale: string; lines: { sku: string }[] };
    const key = shot.headers?.["idempotency-key"] ?? "";
    this.remember(body, { sale, sku: lines[0]?.sku ?? "", token: shot.token ?? "", key, race: name });
  }

  #operationOf({ method, path }: Shot): Operation {
    const [where = ""] = path.split("?");
    const found = this.#document.operations.find(
      (one) =>
        one.method === method && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(where),
    );
    if (!found) throw new Error(`${method} ${path} is not in the document`);
    return found;
  }
}

const keyed = (key: string) => ({ "idempotency-key": key });

export const orderShot = ({ sale, sku }: Place, token: string, key = freshKey(), quantity = 1): Shot => ({
  method: "POST",
  path: "/v1/orders",
  token,
  headers: keyed(key),
  body: { sale, lines: [{ sku, quantity }] },
});

export const payShot = ({ id, token }: Bought, key = freshKey(), method = "bank"): Shot => ({
  method: "POST",
  path: `/v1/orders/${id}/payments`,
  token,
  headers: keyed(key),
  body: { provider: "sandbox", method },
});

export const cancelShot = ({ id, token }: Bought): Shot => ({
  method: "POST",
  path: `/v1/orders/${id}/cancel`,
  token,
});

export const queryShot = ({ id }: Bought): Shot => staffShot("POST", `/v1/admin/orders/${id}/query`);

export const refundShot = ({ id }: Bought, amount: number | null, key = freshKey()): Shot =>
  staffShot(
    "POST",
    `/v1/admin/orders/${id}/refunds`,
    { ...(amount !== null && { amount: { amount, currency: "CNY" } }), reason: "raced" },
    key,
  );

export const retryShot = ({ id }: Bought, key = freshKey()): Shot =>
  staffShot("POST", `/v1/admin/orders/${id}/refunds/${refundIdOf(id, 1)}/retry`, undefined, key);

export const staffShot = (method: string, path: string, body?: unknown, key = freshKey()): Shot => ({
  method,
  path,
  token: SECRETS.ADMIN_KEY,
  headers: keyed(key),
  ...(body !== undefined && { body }),
});

export const bankShot = ({ bank }: Asked, press: "approve" | "decline"): Shot => ({
  method: "POST",
  path: `/sandbox/v1/payments/${bank}/${press}`,
});

/** The bank says that it has the money. Each time in the same words, as it repeats itself. */
export const paidShot = ({ id, bank }: Asked): Shot =>
  newsShot("payment.succeeded", id, bank, paymentIdOf(id, 1));
export const refundedShot = ({ id, bank }: Asked, amount: number): Shot =>
  newsShot("refund.succeeded", id, bank, refundIdOf(id, 1), amount);

function newsShot(type: string, order: OrderId, payment: string, reference: string, amount = PRICE): Shot {
  const news = { event: `evt_${type}_${reference}`, type, payment, order, reference };
  return bankCallback(SECRETS.SANDBOX_WEBHOOK_SECRET, { ...news, amount: { amount, currency: "CNY" } });
}
