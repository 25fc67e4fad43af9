import type { PaymentId } from "../../schema/ids.ts";
import type { Case, Effect, Order, Payment, Report } from "../../schema/order.ts";

/** What an order becomes and the work it causes; both are stored together. */
export interface Decision {
  readonly order: Order;
  readonly effects: readonly Effect[];
  /** Work asked for earlier that is no longer wanted, by its key. */
  readonly withdrawn?: readonly string[];
}

export const ignore = (order: Order): Decision => ({ order, effects: [] });

/** While a payment is live its provider may still take the money. */
export const isLive = ({ state }: Payment): boolean =>
  state === "created" || state === "requires_action" || state === "authorized" || state === "unknown";

/** Names a piece of work, so that repeating it is the same work. */
export function keyOf(effect: Effect): string {
  switch (effect.type) {
    case "commit_stock":
    case "release_stock":
    case "retake_stock":
      return `${effect.type}:${effect.take}`;
    case "create_payment":
    case "query_payment":
    case "close_payment":
    case "capture_payment":
      return `${effect.type}:${effect.payment}`;
    case "refund_payment":
      return `${effect.type}:${effect.refund}`;
    case "open_case":
      return `${effect.type}:${effect.case.id}`;
  }
}

/** The order with one of its payments changed. */
export const withPaymentChanged = (order: Order, id: PaymentId, change: Partial<Payment>): Order => ({
  ...order,
  payments: order.payments.map((payment) => (payment.id === id ? { ...payment, ...change } : payment)),
});

/**
 * The units go back. Money that still arrives finds an expired order and takes them again, or goes back too. Units that
 * were sold for a promise of money cannot be given back by an order: people are told.
 */
export function expire(order: Order, reason: "pay_by_passed" | "cancelled", now: number): Decision {
  if (order.stock === "committed")
    return { order: { ...order, state: "expired", reason }, effects: [soldForNothing(order, now)] };
  return {
    order: { ...order, state: "expired", reason, stock: "released" },
    effects: [{ type: "release_stock", take: order.take, reason }],
  };
}

/** Everybody else's page at the provider is closed once the order needs no more money. */
export const closeOthers = (order: Order, but: PaymentId | null): Effect[] =>
  order.payments
    .filter((payment) => isLive(payment) && payment.id !== but)
    .map(({ id }) => ({ type: "close_payment", payment: id }));

export const openCase = (order: Order, facts: Omit<Case, "order">): Effect => ({
  type: "open_case",
  case: { ...facts, order: order.order },
});

/** The stock was committed to a promise of money that was broken. */
export const soldForNothing = (order: Order, now: number): Effect =>
  openCase(order, {
    id: `capture_failed:${order.order}`,
    kind: "capture_failed",
    payment: order.payments.at(-1)?.id ?? null,
    detail: "the units were sold, but the promised money never came: put them back by a stock change",
    openedAt: now,
  });

/** Answers that leave the work as open as it was. */
const OPEN_ANSWERS: readonly Report["type"][] = [
  "payment_unknown",
  "payment_open",
  "payment_action_required",
  "payment_authorized",
  "refund_unknown",
];

/**
 * True when these reports end a piece of work. Money is asked for, or given back, until its provider has said what became
 * of it. A question is ended by any answer, since the clock asks again; but it asks only about live payments.
 */
export function isEnded(order: Order, key: string, reports: readonly Report[]): boolean {
  if (!reports.some(({ type }) => OPEN_ANSWERS.includes(type))) return true;
  const [work, subject] = key.split(":");
  if (work === "refund_payment" || work === "capture_payment") return false;
  if (work !== "close_payment") return true;
  return order.payments.some((payment) => payment.id === subject && isLive(payment));
}
