import { AROUND } from "./around.ts";
import type { Mutant } from "./mutant.ts";

const SKU = "durable-objects/sku/machine.ts";
const DEADLINES = "durable-objects/sku/deadlines.ts";
const EVOLVE = "durable-objects/sku/evolve.ts";
const LEAVING = "durable-objects/sku/leaving.ts";
const RECALL = "durable-objects/sku/recall.ts";
const BUYERS = "durable-objects/sku/buyers.ts";
const SNAPSHOT = "durable-objects/sku/snapshot.ts";
const OUTBOX = "durable-objects/sku/outbox.ts";
const HEAR = "durable-objects/order/hear-payment.ts";
const STOCK = "durable-objects/order/stock.ts";
const REFUNDS = "durable-objects/order/refunds.ts";
const DECISION = "durable-objects/order/decision.ts";
const TIME = "durable-objects/order/time.ts";
const ORDER = "durable-objects/order/machine.ts";

/** What only whole sales come to. */
const SALES = ["test/simulation/sale.test.ts"];

const MACHINES: readonly Mutant[] = [
  {
    harm: "one unit too many is sold",
    file: SKU,
    was: "  if (quantity > availableNow(state, quantity, events))\n",
    is: "  if (quantity > availableNow(state, quantity, events) + 1)\n",
  },
  {
    harm: "the last unit is never sold",
    file: SKU,
    was: "  if (quantity > availableNow(state, quantity, events))\n",
    is: "  if (quantity >= availableNow(state, quantity, events))\n",
  },
  {
    harm: "a buyer gets one more than the limit",
    file: SKU,
    was: "  if (unitsNow(state, buyer, ownMax, events) > ownMax)\n",
    is: "  if (unitsNow(state, buyer, ownMax, events) > ownMax + 1)\n",
  },
  {
    harm: "what a buyer bought does not count against the limit",
    file: SKU,
    was: "  if (unitsNow(state, buyer, ownMax, events) > ownMax)\n",
    is: "  if (ownMax < 0)\n",
  },
  {
    harm: "a hold that is over stands between its buyer and the limit",
    file: DEADLINES,
    was: "  if (unitsOf(state, buyer) > enough) endOwn(state, buyer, events);\n",
    is: "",
  },
  {
    harm: "units that are over are not sold before their turn to end",
    file: DEADLINES,
    was: "  while (state.available < enough && endNext(state, events));\n",
    is: "",
  },
  {
    harm: "a hold that is over is claimed before its turn to end",
    file: DEADLINES,
    was: '  if (hold && isOver(state, hold)) release(state, events, hold, "expired");\n  return',
    is: "  return",
  },
  {
    harm: "the sale sells before it opens",
    file: SKU,
    was: '  if (window === "upcoming") return err({ code: "sale_not_open", opensAt: config.opensAt });\n',
    is: "",
  },
  {
    harm: "the sale sells after it closes",
    file: SKU,
    was: '  if (window === "closed") return err({ code: "sale_closed" });\n',
    is: "",
  },
  {
    harm: "the last millisecond of a sale is one too many",
    file: "schema/sale.ts",
    was: 'return now < sale.closesAt ? "open" : "closed";',
    is: 'return now <= sale.closesAt ? "open" : "closed";',
  },
  {
    harm: "a repeated request buys again",
    file: SKU,
    was: "    if (first?.home) return ok(heldOf(state, config, first, true));\n",
    is: "",
  },
  {
    harm: "a key used with another body buys something else",
    file: SKU,
    was: '    if (bound.fingerprint !== home.fingerprint) return err({ code: "idempotency_key_reused" });\n',
    is: "",
  },
  {
    harm: "a dead order is held again",
    file: SKU,
    was: '  if (earlier && !isLive(earlier) && earlier.state !== "sold") return err({ code: "released" });\n',
    is: "",
  },
  {
    harm: "a hold outlives the holds of its other lines",
    file: SKU,
    was: "Math.min(now + config.holdMs, home?.othersHeldUntil ?? Infinity)",
    is: "now + config.holdMs",
  },
  {
    harm: "a claimed hold expires under its paying buyer",
    file: EVOLVE,
    was: '  leaveDeadline(state, hold);\n  hold.state = "claimed";\n',
    is: '  hold.state = "claimed";\n',
  },
  {
    harm: "a hold ends a millisecond late",
    file: DEADLINES,
    was: "at !== null && at <= now;",
    is: "at !== null && at < now;",
  },
  {
    harm: "nobody asks again about a claim",
    file: DEADLINES,
    was: "    hold.deadline = state.claims.push(state.now + askAgainMs, hold);\n",
    is: "    hold.deadline = -1;\n",
  },
  {
    harm: "a released hold is sold all the same",
    file: SKU,
    was: 'if (!hold || hold.state === "released" || take < hold.take) return err({ code: "gone" });',
    is: 'if (!hold || take < hold.take) return err({ code: "gone" });',
  },
  {
    harm: "a late commit of an earlier take sells the next one",
    file: SKU,
    was: 'if (!hold || hold.state === "released" || take < hold.take) return err({ code: "gone" });',
    is: 'if (!hold || hold.state === "released") return err({ code: "gone" });',
  },
  {
    harm: "a late release takes back what was taken again",
    file: SKU,
    was: 'if (hold && (hold.state === "sold" || take < hold.take)) return ok(hold.state);',
    is: 'if (hold && hold.state === "sold") return ok(hold.state);',
  },
  {
    harm: "a sold unit is released",
    file: SKU,
    was: 'if (hold && (hold.state === "sold" || take < hold.take)) return ok(hold.state);',
    is: "if (hold && take < hold.take) return ok(hold.state);",
  },
  {
    harm: "a late word that a request has died takes the unit of the order that it became",
    file: SKU,
    was: '  if (hold?.home && isLive(hold) && reason === "superseded") return ok(hold.state);\n',
    is: "",
  },
  {
    harm: "a release that came first is forgotten",
    file: SKU,
    was: "  if (!hold || take > hold.take) happen(",
    is: "  if (hold && take > hold.take) happen(",
  },
  {
    harm: "late money takes units that are somebody else's",
    file: SKU,
    was: 'if (overLimit || quantity > availableNow(state, quantity, events)) return err({ code: "gone" });',
    is: 'if (overLimit) return err({ code: "gone" });',
  },
  {
    harm: "late money buys more than anybody may own",
    file: SKU,
    was: 'if (overLimit || quantity > availableNow(state, quantity, events)) return err({ code: "gone" });',
    is: 'if (quantity > availableNow(state, quantity, events)) return err({ code: "gone" });',
  },
  {
    harm: "units are taken out of stock that are not there",
    file: SKU,
    was: '  if (availableNow(state, -delta, events) + delta < 0) return err({ code: "insufficient_stock" });\n',
    is: "",
  },
  {
    harm: "a repeated restock counts twice",
    file: SKU,
    was: "  if (earlier) return ok({ replayed: true });\n",
    is: "",
  },
  {
    harm: "a sold unit is still held",
    file: EVOLVE,
    was: "      state.held -= hold.quantity;\n      state.sold += hold.quantity;\n",
    is: "      state.sold += hold.quantity;\n",
  },
  {
    harm: "a released unit is lost",
    file: EVOLVE,
    was: '      state.available += hold.quantity;\n      end(state, hold, "released");',
    is: '      end(state, hold, "released");',
  },
  {
    harm: "a buyer who gave a unit back may not buy again",
    file: BUYERS,
    was: "  buyer.units -= hold.quantity;\n",
    is: "",
  },
  {
    harm: "the second key of a buyer is forgotten",
    file: BUYERS,
    was: "  else (buyer.more ??= new Map()).set(entry.key, entry);\n",
    is: "",
  },
  {
    harm: "what a buyer bought an hour ago does not count against the limit",
    file: RECALL,
    was: '    if (phase === "sold") units += quantity;\n',
    is: "",
  },
  {
    harm: "a request repeated an hour later buys again",
    file: RECALL,
    was: "    if (archived) return archived;\n",
    is: "",
  },
  {
    harm: "an order forgets what it was when late money takes its units again",
    file: EVOLVE,
    was: "  if (!fact) return undefined;\n",
    is: "  return undefined;\n",
  },
  {
    harm: "a hold that changes while a snapshot is made is in it as it has become",
    file: EVOLVE,
    was: "  if (hold && witness) witness.seeHold(hold);\n",
    is: "",
  },
  {
    harm: "what leaves memory while a snapshot is made is not in it",
    file: LEAVING,
    was: "  state.witness?.seeHold(hold);\n",
    is: "",
  },
  {
    harm: "a buyer who takes units while a snapshot is made is in it with them",
    file: BUYERS,
    was: "  const buyer = buyerOf(state, hold.buyer);\n  state.witness?.seeBuyer(buyer);\n",
    is: "  const buyer = buyerOf(state, hold.buyer);\n",
  },
  {
    harm: "units that late money took again leave memory as if their order had ended",
    file: EVOLVE,
    was: "    hold.endedAt = 0;\n    takeStock(state, hold);\n",
    is: "    takeStock(state, hold);\n",
    tests: SALES,
  },
  {
    harm: "after a restart nobody knows what a buyer has bought",
    file: SNAPSHOT,
    was: 'if (isLive(hold) || hold.state === "sold") link(state, hold);',
    is: "if (isLive(hold)) link(state, hold);",
    tests: SALES,
  },
  {
    harm: "the clock of a SKU goes back",
    file: LEAVING,
    was: "  if (now > state.now) state.now = now;",
    is: "  state.now = now;",
  },
  {
    harm: "D1 is never told again of what it did not acknowledge",
    file: OUTBOX,
    was: "      if (flight.acknowledged || flight.dueAt > now || drafts.length >= DRAFTS_MAX) continue;\n",
    is: "      continue;\n",
  },
  {
    harm: "D1 is believed to have what it was never told",
    file: OUTBOX,
    was: "return this.#flights[0]?.after ?? this.#sentThrough;",
    is: "return this.#sentThrough;",
  },
  {
    harm: "an old acknowledgement skips rows",
    file: OUTBOX,
    was: "sent.after === after && sent.through === through",
    is: "sent.through === through",
  },
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

/** Every mistake that is made on purpose: in the machines of SKU and order, and in what stands around them. */
export const MUTANTS: readonly Mutant[] = [...MACHINES, ...AROUND];
