import type { OrderId } from "../../schema/ids.ts";
import type { CaseKind, Order } from "../../schema/order.ts";
import type { Projected } from "../../worker/read-models/projection.ts";

/** What D1 says of an order. */
export interface Row {
  readonly version: number;
  readonly state: string;
  readonly order: Order;
}

/** What D1 has: as much of it as the laws look at. */
export interface ReadModel {
  isDown: boolean;
  /** Changes that were older than what was there already. */
  readonly outdated: number;
  row(order: OrderId): Row | null;
  /** The states of what belongs to orders, where it is kept in tables of its own. */
  children(table: "payments" | "refunds"): Map<string, string> | null;
  cases(): readonly { readonly id: string; readonly order: OrderId | null; readonly kind: CaseKind }[];
  /** Dead letters that nobody has sent again. */
  letters(): readonly string[];
}

/** D1's copy of the orders by the rule of its statements, in memory, which costs a hundredth of them. */
export class OrderCopy {
  outdated = 0;
  readonly #orders = new Map<OrderId, Projected>();

  /** A newer version wins, and of two equal ones the order's own actor. */
  project(change: Projected): void {
    const { order, rank } = change;
    const kept = this.#orders.get(order.order);
    const isNewer =
      !kept ||
      order.version > kept.order.version ||
      (order.version === kept.order.version && rank > kept.rank);
    if (isNewer) this.#orders.set(order.order, change);
    else this.outdated++;
  }

  row(id: OrderId): Row | null {
    const order = this.#orders.get(id)?.order;
    return order ? { version: order.version, state: order.state, order } : null;
  }

  /** Orders that should have ended before, the longest unchanged first. */
  late(before: number, max: number): OrderId[] {
    const late: Order[] = [];
    for (const { order } of this.#orders.values())
      if ((order.state === "pending" || order.state === "paying") && order.payBy < before) late.push(order);
    return late
      .toSorted((a, b) => a.updatedAt - b.updatedAt)
      .slice(0, max)
      .map(({ order }) => order);
  }

  /** Orders with a refund that was asked for before then and is on its way. */
  refunding(before: number, max: number): OrderId[] {
    const found: OrderId[] = [];
    for (const { order } of this.#orders.values())
      if (
        found.length < max &&
        order.refunds.some((one) => one.state === "pending" && one.createdAt < before)
      )
        found.push(order.order);
    return found;
  }
}
