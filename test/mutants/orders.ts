import type { Mutant } from "./mutant.ts";

const HEAR = "durable-objects/order/hear-payment.ts";
const STOCK = "durable-objects/order/stock.ts";
const REFUNDS = "durable-objects/order/refunds.ts";
const DECISION = "durable-objects/order/decision.ts";
const TIME = "durable-objects/order/time.ts";
const ORDER = "durable-objects/order/machine.ts";

/** Mistakes in the machine of an order. */
export const ORDERS: readonly Mutant[] = [
  {
    harm: "a wrong amount pays an order",
    file: HEAR,
    was: "  if (sameMoney(amount, payment.amount)) return null;",
    is: "  if (amount.currency === payment.amount.currency) return null;",
  },
  {
    harm: "a wrong currency pays an order",
    file: "schema/money.ts",
    was: "a.amount === b.amount && a.currency === b.currency",
    is: "a.amount === b.amount",
  },
  {
    harm: "the second success is kept",
    file: HEAR,
    was: 'return refundPayment(came, payment, payment.amount, "duplicate_payment", now);',
    is: "return { order: came, effects: [] };",
  },
  {
    harm: "late money pays for a unit that is gone",
    file: HEAR,
    was: '  if (order.state === "expired")\n',
    is: '  if (order.state === "expired" && order.stock === "held")\n',
  },
  {
    harm: "the other payment page stays open after the order is paid",
    file: DECISION,
    was: "    .filter((payment) => isLive(payment) && payment.id !== but)\n",
    is: "    .filter((payment) => payment.id === but)\n",
  },
  {
    harm: "promised money that nobody wants is never let go",
    file: HEAR,
    was: '  if (!wanted) return { order, effects: [{ type: "close_payment", payment: payment.id }] };',
    is: "  if (!wanted) return ignore(order);",
  },
  {
    harm: "the money is taken before the unit is sold",
    file: HEAR,
    was: '    order.stock === "committed"\n      ? { type: "capture_payment"',
    is: '    order.stock !== "retaking"\n      ? { type: "capture_payment"',
  },
  {
    harm: "one word that there is no such payment frees the unit of a payment just begun",
    file: HEAR,
    was: 'if (report.type === "payment_not_found" && (young || payment.state === "authorized")) return ignore(order);',
    is: 'if (report.type === "payment_not_found" && payment.state === "authorized") return ignore(order);',
  },
  {
    harm: "an answer older than the page that was shown takes it away",
    file: HEAR,
    was: 'if (report.type === "payment_not_found" && payment.state === "requires_action")',
    is: 'if (report.type === "payment_not_found" && payment.state === "succeeded")',
  },
  {
    harm: "nobody is told of a line that was sold while its order gave its lines back",
    file: STOCK,
    was: 'if (!sold || take !== order.take || order.stock !== "released") return ignore(order);',
    is: 'if (!sold || take !== order.take || order.stock === "released") return ignore(order);',
  },
  {
    harm: "money that was promised after an order was paid is never let go",
    file: HEAR,
    was: 'if (overtaken && order.state !== "paying")\n',
    is: 'if (overtaken && order.state === "paying" && order.paidBy !== null)\n',
  },
  {
    harm: "an expired order keeps its unit",
    file: DECISION,
    was: '    effects: [{ type: "release_stock", take: order.take, reason }],',
    is: "    effects: [],",
  },
  {
    harm: "money that is back is asked for again and again",
    file: ORDER,
    was: "keys.push(`refund_payment:${id}`);",
    is: "keys.push(`refund_payment:${state}`);",
  },
  {
    harm: "a refund without an answer is never asked for again",
    file: DECISION,
    was: '  if (work === "refund_payment" || work === "capture_payment") return false;\n',
    is: '  if (work === "capture_payment") return false;\n',
  },
  {
    harm: "late money that found no unit is kept",
    file: STOCK,
    was: '    return refundPayment({ ...order, stock: "released" }, payer, payer.amount, "late_payment", now);',
    is: '    return { order: { ...order, stock: "released" }, effects: [] };',
  },
  {
    harm: "a retaken unit is never sold",
    file: STOCK,
    was: '    effects: [{ type: "commit_stock", take }],\n',
    is: "    effects: [],\n",
  },
  {
    harm: "an answer about an earlier take counts for this one",
    file: STOCK,
    was: 'if (order.stock !== "retaking" || take !== order.take) return ignore(order);',
    is: 'if (order.stock !== "retaking") return ignore(order);',
  },
  {
    harm: "refunds that are on their way do not count",
    file: REFUNDS,
    was: 'refund.state !== "failed") amount',
    is: 'refund.state === "succeeded") amount',
  },
  {
    harm: "a refund of more than is left is promised",
    file: REFUNDS,
    was: "wanted.amount > left.amount",
    is: "wanted.amount > payment.amount.amount",
  },
  {
    harm: "an order that was given back in full stays paid",
    file: REFUNDS,
    was: "refundedOf(after).amount >= order.amount.amount",
    is: "refundedOf(after).amount > order.amount.amount",
  },
  {
    harm: "a failed refund is nobody's business",
    file: REFUNDS,
    was: "  return { order: after, effects: [told] };",
    is: "  return { order: after, effects: [] };",
  },
  {
    harm: "nobody asks what became of a payment",
    file: TIME,
    was: "    if (!isLive(payment) || payment.askAt === null || payment.askAt > now) return payment;",
    is: "    if (now >= 0) return payment;",
  },
  {
    harm: "the provider is never told to close",
    file: TIME,
    was: 'waiting ? "query_payment" : "close_payment"',
    is: '"query_payment"',
  },
  {
    harm: "an order is pending for ever",
    file: TIME,
    was: '  if (order.state !== "pending" || now < order.payBy) return { order: asked, effects };',
    is: "  if (now >= 0) return { order: asked, effects };",
  },
  {
    harm: "a buyer pays twice at once",
    file: ORDER,
    was: '  if (order.state === "paying" && live) return err({ code: "payment_in_progress", payment: live.id });\n',
    is: "",
  },
  {
    harm: "an order is cancelled while its buyer pays",
    file: ORDER,
    was: '  if (order.state !== "pending") return err({ code: "order_state", state: order.state });\n  if (now >= order.payBy)',
    is: "  if (now >= order.payBy)",
  },
];
