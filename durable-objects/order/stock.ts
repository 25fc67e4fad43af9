import type { Effect, Order, Payment, Report } from "../../schema/order.ts";
import { expire, ignore, openCase, soldForNothing, type Decision } from "./decision.ts";
import { leftOf, refundPayment } from "./refunds.ts";

/**
 * The units are sold to this order, whatever it has become since it asked: a sale is never undone. A promised payment may
 * now be taken.
 */
export function hearCommitted(order: Order, now: number): Decision {
  // While it is being retaken a word about an earlier take says nothing that the answer will not say.
  if (order.stock === "committed" || order.stock === "retaking") return ignore(order);
  const committed: Order = { ...order, stock: "committed" };
  if (order.stock === "released") return { order: committed, effects: [soldForNothing(order, now)] };
  const authorized = order.payments.find(({ state }) => state === "authorized");
  if (order.state !== "paying" || !authorized) return { order: committed, effects: [] };
  return { order: committed, effects: [{ type: "capture_payment", payment: authorized.id }] };
}

/**
 * The units are back, but for those that were sold meanwhile: the order wanted them for promised money when it gave them up. A line
 * of several may have been, of which the sale itself never hears, since another line was gone.
 */
export function hearReleased(
  order: Order,
  { take, sold }: Extract<Report, { type: "stock_released" }>,
  now: number,
): Decision {
  if (!sold || take !== order.take || order.stock !== "released") return ignore(order);
  return { order: { ...order, stock: "committed" }, effects: [soldForNothing(order, now)] };
}

/** There were units left for late money. */
export function hearRetaken(order: Order, take: number): Decision {
  if (order.stock !== "retaking" || take !== order.take) return ignore(order);
  return {
    order: { ...order, state: "paid", reason: null, stock: "held" },
    effects: [{ type: "commit_stock", take }],
  };
}

/** There are no units for this take: whoever promised money keeps it, whoever paid gets it back. */
export function hearGone(order: Order, take: number, now: number): Decision {
  if (take !== order.take || order.stock === "committed" || order.stock === "released") return ignore(order);
  const payer = order.payments.find(({ id }) => id === order.paidBy);
  if (order.stock === "retaking" && payer)
    return refundPayment({ ...order, stock: "released" }, payer, payer.amount, "late_payment", now);
  if (order.state === "paid" && payer) return refundLost(order, payer, now);
  const authorized = order.payments.find(({ state }) => state === "authorized");
  if (order.state !== "paying" || !authorized) return ignore(order);
  const expired = expire(order, "pay_by_passed", now);
  const lost = stockLost(order, authorized, now);
  return {
    ...expired,
    effects: [...expired.effects, { type: "close_payment", payment: authorized.id }, lost],
  };
}

/** A paid order whose claimed units are gone should not exist. If it does, it is not kept paid without a unit. */
function refundLost(order: Order, payer: Payment, now: number): Decision {
  const lost = stockLost(order, payer, now);
  const unheld: Order = { ...order, stock: "released" };
  const left = leftOf(order, payer);
  if (left.amount === 0) return { order: unheld, effects: [lost] };
  const refunded = refundPayment(unheld, payer, left, "stock_lost", now);
  return { ...refunded, effects: [...refunded.effects, lost] };
}

const stockLost = (order: Order, { id }: Payment, now: number): Effect =>
  openCase(order, {
    id: `stock_lost:${order.order}`,
    kind: "stock_lost",
    payment: id,
    detail:
      "claimed units were gone when they were to be sold: the money goes back, and the SKUs' journals say why",
    openedAt: now,
  });
