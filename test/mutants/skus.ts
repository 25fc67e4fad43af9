import type { Mutant } from "./mutant.ts";

const SKU = "durable-objects/sku/machine.ts";
const DEADLINES = "durable-objects/sku/deadlines.ts";
const EVOLVE = "durable-objects/sku/evolve.ts";
const LEAVING = "durable-objects/sku/leaving.ts";
const RECALL = "durable-objects/sku/recall.ts";
const BUYERS = "durable-objects/sku/buyers.ts";
const SNAPSHOT = "durable-objects/sku/snapshot.ts";
const OUTBOX = "durable-objects/sku/outbox.ts";

/** What only whole sales come to. */
const SALES = ["test/simulation/sale.test.ts"];

/** Mistakes in the machine of a SKU. */
export const SKUS: readonly Mutant[] = [
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
];
