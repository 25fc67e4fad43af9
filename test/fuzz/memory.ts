import type { Heard } from "./fuzzer.ts";
import { nameOf } from "./document.ts";

/** An order as it was last seen. */
export interface KnownOrder {
  readonly id: string;
  readonly buyer: string;
  readonly state: string;
  readonly amount: { readonly amount: number; readonly currency: string };
  readonly refunded: { readonly amount: number };
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly payments: readonly { readonly id: string; readonly provider: string; readonly state: string }[];
  readonly refunds: readonly { readonly id: string; readonly state: string }[];
}

/** Things of one kind that are remembered: the newest so many. */
const KEPT_MAX = 400;

/** What the fuzzer has been told, for later requests to use. */
export class Memory {
  readonly orders = new Map<string, KnownOrder>();
  /** Tokens by buyer. */
  readonly tokens = new Map<string, string>();
  /** Payments at the sandbox bank that nobody has decided, by the bank's name. */
  readonly bank = new Map<string, { readonly id: string; readonly order: string }>();
  readonly endpoints = new Set<string>();
  readonly deliveries = new Map<string, string>();
  readonly cases = new Set<string>();
  readonly letters = new Set<string>();
  readonly staffKeys = new Set<string>();
  /** Units of orders that somebody saw paid. */
  readonly paid = new Map<string, KnownOrder["lines"]>();

  hear({ shot: { operation, params }, status, body }: Heard): void {
    if (status < 200 || status > 299) return;
    this.#lookInto(body);
    switch (nameOf(operation)) {
      case "POST /v1/buyers":
        return this.#keep(this.tokens, body.buyer, body.token);
      case "POST /v1/orders/{order}/payments":
        if (body.provider === "sandbox" && body.action?.type === "redirect")
          this.#keep(this.bank, String(body.action.url).split("/").at(-1) ?? "", {
            id: body.id,
            order: body.order,
          });
        return;
      case "POST /v1/admin/webhook-endpoints":
        return void this.endpoints.add(body.id);
      case "DELETE /v1/admin/webhook-endpoints/{endpoint}":
        this.endpoints.delete(params.endpoint ?? "");
        for (const [id, endpoint] of this.deliveries)
          if (endpoint === params.endpoint) this.deliveries.delete(id);
        return;
      case "GET /v1/admin/webhook-endpoints/{endpoint}/deliveries":
        for (const { id } of body.data) this.#keep(this.deliveries, id, params.endpoint ?? "");
        return;
      case "GET /v1/admin/cases":
        for (const { id } of body.data.slice(0, 20)) this.cases.add(id);
        return;
      case "GET /v1/admin/dead-letters":
        for (const { id } of body.data) this.letters.add(id);
        return;
      case "POST /v1/admin/staff-keys":
        return void this.staffKeys.add(body.id);
      case "DELETE /v1/admin/staff-keys/{id}":
        return void this.staffKeys.delete(params.id ?? "");
      default:
    }
  }

  /** Orders wherever they are: alone, or on a page. */
  // oxlint-disable-next-line typescript/no-explicit-any -- any answer of the document may come here
  #lookInto(body: any): void {
    const found: unknown[] = Array.isArray(body?.data) ? body.data : [body];
    for (const one of found as KnownOrder[]) {
      if (typeof one?.id === "string" && one.id.startsWith("ord_")) this.see(one);
    }
  }

  see(order: KnownOrder): void {
    this.#keep(this.orders, order.id, order);
    if (order.state === "paid") this.paid.set(order.id, order.lines);
  }

  #keep<T>(map: Map<string, T>, key: string, value: T): void {
    map.delete(key);
    map.set(key, value);
    const [oldest] = map.keys();
    if (map.size > KEPT_MAX && oldest !== undefined) map.delete(oldest);
  }
}
