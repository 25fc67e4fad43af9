import type { Decision } from "../../durable-objects/order/decision.ts";
import type { OrderId } from "../../schema/ids.ts";
import type { Order, OrderState } from "../../schema/order.ts";
import type { SkuEvent } from "../../schema/sku.ts";
import type { Seen } from "./sometimes.ts";

/** Written down once more, so that a mistake in the machine's own table is noticed. */
const WAYS: Record<OrderState, readonly OrderState[]> = {
  pending: ["paying", "paid", "expired"],
  paying: ["pending", "paid", "expired"],
  paid: ["refunded"],
  expired: ["paid", "refunded"],
  refunded: [],
};

/** For so long a payment that was written down may still be on its way to its bank: "never heard of it" says nothing before. */
const CREATION_MS = 8_000;

export class Violation extends Error {}

export function must(holds: boolean, law: string): asserts holds {
  if (!holds) throw new Violation(law);
}

export interface Unit {
  readonly buyer: string;
  readonly quantity: number;
  until: number;
  state: "held" | "claimed" | "sold" | "released";
}

/** What a stranger can tell of a SKU who reads nothing but its journal. */
export class SkuAuditor {
  readonly units = new Map<OrderId, Unit>();
  readonly #limit: number;
  readonly #seen: Seen;
  readonly #owned = new Map<string, number>();
  readonly #keys = new Map<string, OrderId>();
  /** The last take of which somebody was told that it is over. */
  readonly #over = new Map<OrderId, number>();
  /** Orders whose home is here. */
  orders = 0;
  forSale = 0;
  taken = 0;
  sold = 0;
  #wasSoldOut = false;
  #cameBack = false;

  constructor(limit: number, seen: Seen) {
    this.#limit = limit;
    this.#seen = seen;
  }

  hear(events: readonly SkuEvent[], at: number): void {
    for (const event of events) this.#hearOne(event, at);
    must(this.taken <= this.forSale, `${this.taken} units are held and sold of ${this.forSale}`);
    if (this.taken === this.forSale) this.#wasSoldOut = true;
  }

  /** Somebody was told that this take holds nothing any more. */
  letGo(order: OrderId, take: number): void {
    this.#over.set(order, Math.max(take, this.#over.get(order) ?? 0));
  }

  #hearOne(event: SkuEvent, at: number): void {
    switch (event.type) {
      case "configured":
        this.forSale += event.initial;
        return;
      case "restocked":
        this.forSale += event.delta;
        return;
      case "held": {
        must(!this.units.has(event.order), `${event.order} is held again`);
        must(!this.#over.has(event.order), `${event.order} is held after it was let go`);
        if (event.home) this.#hearKey(`${event.buyer} ${event.home.key}`, event.order);
        this.units.set(event.order, {
          buyer: event.buyer,
          quantity: event.quantity,
          until: event.until,
          state: "held",
        });
        return this.#take(event.buyer, event.quantity);
      }
      case "retaken": {
        const known = this.units.get(event.order);
        must(known?.state !== "sold", `${event.order} is taken again after it was sold`);
        must(
          event.take > (this.#over.get(event.order) ?? 0),
          `${event.order} is taken again after that was over`,
        );
        const isNew = !known || known.state === "released";
        this.units.set(event.order, {
          buyer: event.buyer,
          quantity: event.quantity,
          until: event.until,
          state: "claimed",
        });
        if (isNew) this.#take(event.buyer, event.quantity);
        return;
      }
      case "claimed": {
        const unit = this.#live(event.order);
        unit.state = "claimed";
        unit.until = event.until;
        return;
      }
      case "sold": {
        const unit = this.#live(event.order);
        unit.state = "sold";
        this.sold += unit.quantity;
        if (this.#cameBack) this.#seen.see("returned_and_sold");
        return;
      }
      case "released": {
        const unit = this.#live(event.order);
        if (event.reason === "expired")
          must(unit.state === "held" && at >= unit.until, `${event.order} expired early`);
        unit.state = "released";
        this.#take(unit.buyer, -unit.quantity);
        if (this.#wasSoldOut) this.#cameBack = true;
        return;
      }
      case "tombstoned":
        if (!this.units.has(event.order))
          this.units.set(event.order, { buyer: event.buyer, quantity: 0, until: at, state: "released" });
        return;
      default:
        return;
    }
  }

  #hearKey(key: string, order: OrderId): void {
    const first = this.#keys.get(key);
    must(first === undefined || first === order, `one key made two orders, ${first} and ${order}`);
    this.#keys.set(key, order);
    this.orders++;
  }

  #take(buyer: string, quantity: number): void {
    this.taken += quantity;
    const owned = (this.#owned.get(buyer) ?? 0) + quantity;
    this.#owned.set(buyer, owned);
    must(owned <= this.#limit, `${buyer} holds and owns ${owned}, more than ${this.#limit}`);
  }

  #live(order: OrderId): Unit {
    const unit = this.units.get(order);
    must(unit !== undefined && (unit.state === "held" || unit.state === "claimed"), `${order} ends twice`);
    return unit;
  }
}

const isMarked = ({ state, reason, paidBy, payments, refunds }: Order): string => {
  let text = `${state} ${reason} ${paidBy}`;
  for (const payment of payments) text += ` ${payment.state}`;
  for (const refund of refunds) text += ` ${refund.state}`;
  return text;
};

/** Every commit of an order: along its ways, version by version, its price never changed, no refund beyond what came. */
export function watchOrder(
  before: Order,
  after: Order,
  seen: Seen,
  { effects }: Decision,
  cause: string,
): void {
  must(
    before.state === after.state || WAYS[before.state].includes(after.state),
    `${after.order} went from ${before.state} to ${after.state}`,
  );
  const isNews = before !== after && isMarked(before) !== isMarked(after);
  must(
    after.version === before.version + (isNews ? 1 : 0),
    `${after.order} went from version ${before.version} to ${after.version}`,
  );
  must(
    after.amount === before.amount || after.amount.amount === before.amount.amount,
    `${after.order} has another price`,
  );
  if (before.state === after.state && effects.length === 0 && before.payments === after.payments) return;
  for (const [at, { id, state, createdAt }] of before.payments.entries())
    must(
      state !== "created" ||
        after.payments[at]?.failure !== "not_found" ||
        after.updatedAt >= createdAt + CREATION_MS,
      `${id} was given up while its bank could not know it yet`,
    );
  if (cause === "stock_gone" && before.stock === "retaking") seen.see("late_refunded");
  if (before.state === "expired" && after.state === "paid") seen.see("late_sold");
  if (cause === "cancel_requested") seen.see("cancelled");
  if (after.refunds.length > before.refunds.length) {
    const { reason = "", amount } = after.refunds.at(-1) ?? {};
    if (reason === "duplicate_payment") seen.see("duplicate_refunded");
    if (reason === "staff" && (amount?.amount ?? 0) < after.amount.amount) seen.see("partly_refunded");
  }
  for (const effect of effects) {
    if (effect.type === "open_case" && effect.case.kind === "amount_mismatch") seen.see("amount_differed");
    if (effect.type === "capture_payment" && after.stock === "committed") seen.see("capture_after_commit");
  }
}
