import { Buffer } from "node:buffer";
import { paymentIdOf, type OrderId } from "../../schema/ids.ts";
import { bankCallback } from "../fixtures/bank-callback.ts";
import { SECRETS } from "../system/server.ts";
import { nameOf, type ApiDocument, type Operation } from "./document.ts";
import type { KnownOrder, Memory } from "./memory.ts";
import type { People } from "./people.ts";
import { HOOKS_HOST, type Town } from "./town.ts";
import { Values } from "./values.ts";

/** A request as it is sent. */
export interface Shot {
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string>>;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** Sales that stay as they are, with what they sell; and such that are made of whatever comes. */
export const SALES = ["fuzz-a", "fuzz-b", "fuzz-c"] as const;
export const skusOf = (sale: string): string[] => [1, 2, 3].map((n) => `${sale}-${n}`);
const SCRAP_SALES = ["scrap-a", "scrap-b", "scrap-c"] as const;
const SCRAP_SKUS = ["scrap-1", "scrap-2", "scrap-3", "scrap-4", "scrap-5"] as const;
const PRICE = 19_900;

/** Makes requests from chance and from what is known. The same chance and the same knowledge make the same request. */
export class Requests {
  readonly #document: ApiDocument;
  readonly #memory: Memory;
  readonly #people: People;
  readonly #town: Town;

  constructor(document: ApiDocument, memory: Memory, people: People, town: Town) {
    this.#document = document;
    this.#memory = memory;
    this.#people = people;
    this.#town = town;
  }

  values(chance: () => number): Values {
    const values: Values = new Values(this.#document, chance, (field) => {
      if (field === "sku") return values.pick(SCRAP_SKUS);
      if (field === "url") return `http://${HOOKS_HOST}/${values.below(3)}`;
      if (field === "provider") return values.pick(["sandbox", "wechatpay"]);
      if (field === "currency") return "CNY";
      return undefined;
    });
    return values;
  }

  async make(operation: Operation, chance: () => number): Promise<Shot> {
    const values = this.values(chance);
    const sensible = values.happens(0.65);
    const subject = this.#subjectOf(values, operation);
    const params = this.#paramsOf(values, operation, subject);
    // A sale of whatever comes would be one without what everybody asks for.
    if (nameOf(operation) === "PUT /v1/admin/sales/{sale}" && !sensible)
      params.sale = values.pick(SCRAP_SALES);
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(params[name] ?? "x"),
    );
    const headers: Record<string, string> = {
      ...this.#authorization(values, operation, subject),
      ...(values.happens(0.95) && { "idempotency-key": this.#keyOf(values) }),
    };
    if (operation.path.startsWith("/v1/webhooks/")) {
      const callback = await this.#callback(values, params.provider ?? "", subject);
      return { operation, params, path, headers: callback.headers, body: callback.body };
    }
    const body =
      operation.method === "GET" ? null : this.#bodyOf(values, operation, { sensible, subject, params });
    if (body !== null) headers["content-type"] = values.happens(0.97) ? "application/json" : "text/plain";
    return { operation, params, path: path + this.#queryOf(values, operation), headers, body };
  }

  #keyOf(values: Values): string {
    if (values.happens(0.03)) return values.pick(["a key", "k".repeat(256), "\u00e9", "\t"]);
    // Now and then one that was used: for the same, for another, or for nothing.
    return values.happens(0.1)
      ? `key-${values.below(200)}`
      : `key-${values.below(2 ** 31)}-${values.below(2 ** 31)}`;
  }

  /** The order that a request is about: one in a state that it wants, when there is one. */
  #subjectOf(values: Values, operation: Operation): KnownOrder | null {
    const all = [...this.#memory.orders.values()];
    if (all.length === 0) return null;
    const wanted = all.filter((order) => WANTS[nameOf(operation)]?.(order));
    const from = wanted.length > 0 && values.happens(0.8) ? wanted.slice(-20) : all.slice(-120);
    return values.pick(from);
  }

  #paramsOf(values: Values, { path, method }: Operation, subject: KnownOrder | null): Record<string, string> {
    const memory = this.#memory;
    const delivery = values.pick([...memory.deliveries, [undefined, undefined] as const]);
    // The last endpoints stay: there must be somebody to tell.
    const isRemoval = method === "DELETE" && memory.endpoints.size < 4;
    const endpoint = isRemoval ? undefined : values.pick([...memory.endpoints, undefined]);
    const refund = subject?.refunds.find(({ state }) => state === "failed") ?? subject?.refunds[0];
    const known: Record<string, string | undefined> = {
      order: subject?.id,
      refund: refund?.id,
      sale: values.pick([...SALES, ...SCRAP_SALES]),
      sku: values.pick([...SALES.flatMap(skusOf), ...SCRAP_SKUS]),
      endpoint: path.includes("{delivery}") ? delivery[1] : endpoint,
      delivery: delivery[0],
      case: values.pick([...memory.cases, undefined]),
      id: values.pick([...(path.includes("staff-keys") ? memory.staffKeys : memory.letters), undefined]),
      provider: values.pick(["sandbox", "sandbox", "wechatpay", "stripe"]),
      account: values.pick(["main", "main", "second", "third"]),
    };
    return Object.fromEntries(
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => {
        const fitting = values.happens(0.93) ? known[name] : undefined;
        // An empty part of a path is another path.
        return [name, fitting ?? (values.nasty().toWellFormed() || "x")];
      }),
    );
  }

  #authorization(values: Values, operation: Operation, subject: KnownOrder | null): Record<string, string> {
    const { staff, revoked } = this.#people;
    const buyers = [...this.#memory.tokens.values()];
    const owner = this.#memory.tokens.get(subject?.buyer ?? "");
    const strangers = [
      values.pick(buyers),
      values.pick(Object.values(staff)),
      revoked,
      "",
      "x",
      `${buyers[0]}x`,
    ];
    let token = values.pick(strangers);
    if (values.happens(0.88)) {
      const isBuyers = operation.forBuyers && (operation.role === null || values.happens(0.5));
      if (isBuyers) token = (values.happens(0.9) && owner) || values.pick(buyers);
      else if (operation.role !== null)
        token = values.happens(0.8) ? staff.admin : values.pick(Object.values(staff));
    }
    return token === "" ? {} : { authorization: `Bearer ${token}` };
  }

  #queryOf(values: Values, operation: Operation): string {
    const query = new URLSearchParams();
    for (const { name, in: where, schema } of operation.parameters) {
      if (where !== "query" || !values.happens(0.4)) continue;
      const value = values.of(schema, 0.1);
      query.set(name, (typeof value === "string" ? value : (JSON.stringify(value) ?? "")).toWellFormed());
    }
    return query.size > 0 ? `?${query}` : "";
  }

  #bodyOf(
    values: Values,
    operation: Operation,
    {
      sensible,
      subject,
      params,
    }: { sensible: boolean; subject: KnownOrder | null; params: Record<string, string> },
  ): string | null {
    if (!operation.body) return values.happens(0.05) ? "{}" : null;
    if (values.happens(0.04))
      return values.pick(["", "{", "[]", "null", '{"a":1}{', "[".repeat(5_000), "x".repeat(70_000)]);
    const made = sensible ? sensibleBody(values, nameOf(operation), subject, params) : undefined;
    return JSON.stringify(made ?? values.of(operation.body, values.happens(0.5) ? 0 : 0.15)) ?? "";
  }

  /** What a provider says: in its own seal, in somebody else's, or in none. */
  async #callback(
    values: Values,
    provider: string,
    subject: KnownOrder | null,
  ): Promise<{ headers: Record<string, string>; body: string }> {
    const news = this.#town.wechat.notifications.at(-1 - values.below(20));
    if (provider === "wechatpay" && news && values.happens(0.8)) {
      const body = await this.#town.wechat.sealed(news.type, news.resource);
      const { headers } = await this.#town.wechat.signed(200, body);
      return { headers: Object.fromEntries(headers), body: values.happens(0.9) ? body : body.slice(1) };
    }
    const order = (subject?.id ?? "ord_00000000000000000000000000") as OrderId;
    const amount = subject?.amount ?? { amount: 1, currency: "CNY" };
    const type = values.pick([
      "payment.succeeded",
      "payment.succeeded",
      "payment.failed",
      "payment.closed",
      "payment.authorized",
      "refund.failed",
      "x",
    ]);
    const reference = type.startsWith("refund")
      ? (subject?.refunds[0]?.id ?? "ref_x")
      : (subject?.payments.at(-1)?.id ?? paymentIdOf(order, 1));
    const off = values.happens(0.1) ? 1 : 0;
    const secret = values.happens(0.85)
      ? SECRETS.SANDBOX_WEBHOOK_SECRET
      : `whsec_${Buffer.alloc(24).toString("base64")}`;
    const said = bankCallback(secret, {
      event: `evt_${values.below(2 ** 31)}`,
      type,
      payment: "bnk_fuzz",
      order,
      reference,
      amount: { ...amount, amount: amount.amount + off },
    });
    const body = String(said.body);
    const headers = { ...said.headers, "content-type": "application/json" };
    return {
      headers,
      body: values.happens(0.93) ? body : values.pick(["", "{", body.slice(0, -2), `${body} `, "\0"]),
    };
  }
}

const isPayable = ({ state }: KnownOrder): boolean => state === "pending";
const hasMoney = ({ state, refunded, amount }: KnownOrder): boolean =>
  state === "paid" && refunded.amount < amount.amount;
const WANTS: Readonly<Record<string, (order: KnownOrder) => boolean>> = {
  "POST /v1/orders/{order}/payments": isPayable,
  "POST /v1/orders/{order}/cancel": isPayable,
  "POST /v1/admin/orders/{order}/query": ({ state }) => state === "paying",
  "POST /v1/admin/orders/{order}/refunds": hasMoney,
  "POST /v1/admin/orders/{order}/refunds/{refund}/retry": ({ refunds }) =>
    refunds.some(({ state }) => state === "failed"),
  "POST /v1/webhooks/{provider}": ({ state }) => state === "paying",
  "POST /v1/webhooks/{provider}/{account}": ({ state }) => state === "paying",
};

/** What people who know what they want ask for; undefined where the schema says it all. */
function sensibleBody(
  values: Values,
  name: string,
  subject: KnownOrder | null,
  params: Record<string, string>,
): unknown {
  switch (name) {
    case "POST /v1/orders": {
      const sale = values.pick(SALES);
      const skus = values.happens(0.7) ? [values.pick(skusOf(sale))] : skusOf(sale);
      return { sale, lines: skus.map((sku) => ({ sku, quantity: values.pick([1, 1, 1, 2, 3, 4]) })) };
    }
    case "POST /v1/orders/{order}/payments":
      return { provider: values.pick(["sandbox", "sandbox", "wechatpay"]) };
    case "PUT /v1/admin/sales/{sale}":
      return saleBody(
        params.sale ?? "",
        values.pick([2, 20, 120]),
        SCRAP_SALES.some((one) => one === params.sale) ? [values.pick(SCRAP_SKUS)] : null,
      );
    case "POST /v1/admin/skus/{sku}/stock":
      return { delta: values.pick([-50, -1, 1, 5, 200]), reason: "fuzz" };
    case "POST /v1/admin/orders/{order}/refunds": {
      const amount = values.pick([1, PRICE, Math.ceil((subject?.amount.amount ?? 2) / 2)]);
      return { ...(values.happens(0.7) && { amount: { amount, currency: "CNY" } }), reason: "fuzz" };
    }
    case "POST /v1/admin/audits":
      return { sale: values.pick(SALES) };
    case "POST /v1/admin/reconciliations":
      return { provider: "wechatpay", day: "2026-11-21" };
    default:
      return undefined;
  }
}

export function saleBody(sale: string, holdSeconds: number, scrap: readonly string[] | null): unknown {
  const now = Date.now();
  return {
    name: sale,
    opens_at: new Date(now - 60_000).toISOString(),
    closes_at: new Date(now + 86_400_000).toISOString(),
    per_buyer_max: 1_000,
    hold_seconds: holdSeconds,
    skus: (scrap ?? skusOf(sale)).map((sku) => ({
      sku,
      name: sku,
      price: { amount: PRICE, currency: "CNY" },
      stock: 300,
    })),
  };
}
