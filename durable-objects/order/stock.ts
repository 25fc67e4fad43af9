import type { Order, Payment } from "../../schema/order.ts";
import { expire, ignore, openCase, type Decision } from "./decision.ts";
import { refundPayment } from "./refunds.ts";

/** The units are sold to this order. A promised payment may now be taken. */
export function hearCommitted(order: Order): Decision {
  if (order.stock !== "held" || (order.state !== "paid" && order.state !== "paying")) return ignore(order);
  const authorized = order.payments.find(({ state }) => state === "authorized");
  return {
    order: { ...order, stock: "committed" },
    effects: order.state === "paying" && authorized ? [{ type: "capture_payment", payment: authorized.id }] : [],
  };
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
  if (order.state === "paid" && payer) return stockLost(order, payer, now);
  const authorized = order.payments.find(({ state }) => state === "authorized");
  if (order.state !== "paying" || !authorized) return ignore(order);
  const expired = expire(order, "pay_by_passed");
  return { ...expired, effects: [...expired.effects, { type: "close_payment", payment: authorized.id }] };
}

/** A paid order whose claimed units are gone should not exist. If it does, it is not kept paid without a unit. */
function stockLost(order: Order, payer: Payment, now: number): Decision {
  const facts = {
    id: `stock_lost:${order.order}`,
    kind: "stock_lost" as const,
    payment: payer.id,
    detail: "the units of a paid order were gone when they were to be committed; the money is being refunded",
    openedAt: now,
  };
  const refunded = refundPayment({ ...order, stock: "released" }, payer, payer.amount, "stock_lost", now);
  return { ...refunded, effects: [...refunded.effects, openCase(order, facts)] };
}
