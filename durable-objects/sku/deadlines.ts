import type { BuyerId, OrderId } from "../../schema/ids.ts";
import { assert } from "../../schema/result.ts";
import type { Placed, ReleaseReason, SkuEvent, StockMove } from "../../schema/sku.ts";
import { evolve } from "./evolve.ts";
import type { HoldFacts } from "./frozen-hold.ts";
import { holdOf, unitsOf } from "./recall.ts";
import type { Hold, SkuState } from "./state.ts";

/**
 * A hold whose time is up is over for everybody who asks about it. It is written down as released by the next commits, so many in
 * each; before that, when a command needs to know: of its own order, of its own buyer, or for want of units.
 */

/** Holds that one commit ends because their time is up, and claims that it asks about: some milliseconds of work. */
export const DEADLINES_MAX = 1_000;

/** An overdue claim is asked about at once, then after 5 s, doubling to 5 min. */
const ASK_AGAIN_MS = 5_000;
const ASK_AGAIN_MS_MAX = 300_000;

/** Reasons to end a hold that no order's actor knows of: nobody else would tell D1 that its order has ended. */
const UNTOUCHED: readonly ReleaseReason[] = ["expired", "payment_lost"];

/** The only way anything changes: what is stored and what is applied are the same event. */
export function happen(state: SkuState, events: SkuEvent[], event: SkuEvent): void {
  evolve(state, event);
  if (event.type === "held" || event.type === "retaken") assertWithinLimit(state, event.buyer);
  events.push(event);
}

/** Looked at when it happens, and not again when the journal is read: that may mean to look at the disk. */
function assertWithinLimit(state: SkuState, buyer: BuyerId): void {
  const owned = unitsOf(state, buyer);
  assert(owned <= (state.config?.perBuyerMax ?? 0), "nobody takes more than a buyer may have");
}

export function release(state: SkuState, events: SkuEvent[], hold: HoldFacts, reason: ReleaseReason): void {
  const { order, home } = hold;
  const untouched = hold.take === 1 && UNTOUCHED.includes(reason);
  const ended = untouched && home ? endedOf(home, hold) : null;
  happen(state, events, { type: "released", order, reason, ended });
}

const endedOf = (
  { offer, others, createdAt, payBy }: Placed,
  { buyer, quantity }: HoldFacts,
): Extract<SkuEvent, { type: "released" }>["ended"] => ({ buyer, quantity, offer, others, createdAt, payBy });

/** When a hold or a claim is next due. */
export function nextDueAt({ due, claims }: SkuState): number | null {
  const hold = due.peekAt();
  const claim = claims.peekAt();
  return hold === null || claim === null ? (hold ?? claim) : Math.min(hold, claim);
}

/** Ends holds whose time is up, those first that are due for longest, and answers with claims to ask about. */
export function passDeadlines(state: SkuState, events: SkuEvent[], most: number): StockMove[] {
  for (let ended = 0; ended < most && endNext(state, events); ended++);
  const overdue: StockMove[] = [];
  while (overdue.length < most && isPast(state, state.claims.peekAt())) {
    const hold = state.claims.pop();
    if (!hold) break;
    const { order, take, buyer, quantity } = hold;
    overdue.push({ order, take, buyer, quantity });
    const askAgainMs = Math.min(ASK_AGAIN_MS * 2 ** hold.asks, ASK_AGAIN_MS_MAX);
    hold.asks++;
    hold.deadline = state.claims.push(state.now + askAgainMs, hold);
  }
  return overdue;
}

const isPast = ({ now }: SkuState, at: number | null): boolean => at !== null && at <= now;

function endNext(state: SkuState, events: SkuEvent[]): boolean {
  const hold = isPast(state, state.due.peekAt()) ? state.due.peek() : undefined;
  if (hold) release(state, events, hold, "expired");
  return hold !== undefined;
}

const isOver = (state: SkuState, hold: Hold): boolean => hold.state === "held" && isPast(state, hold.until);

/** The hold of an order as it is now. */
export function holdNow(state: SkuState, order: OrderId, events: SkuEvent[]): HoldFacts | null {
  const hold = state.holds.get(order);
  if (hold && isOver(state, hold)) release(state, events, hold, "expired");
  return holdOf(state, order);
}

/** Ends what is over of a buyer's. */
export function endOwn(state: SkuState, buyer: BuyerId, events: SkuEvent[]): void {
  let hold = state.buyers.get(buyer)?.first ?? null;
  while (hold) {
    const { next } = hold;
    if (isOver(state, hold)) release(state, events, hold, "expired");
    hold = next;
  }
}

/** What a buyer holds and owns now. It is looked at one by one only when it stands in the way of more. */
export function unitsNow(state: SkuState, buyer: BuyerId, enough: number, events: SkuEvent[]): number {
  if (unitsOf(state, buyer) > enough) endOwn(state, buyer, events);
  return unitsOf(state, buyer);
}

/** What is free now. More is looked for among what is over only until there is enough. */
export function availableNow(state: SkuState, enough: number, events: SkuEvent[]): number {
  while (state.available < enough && endNext(state, events));
  return state.available;
}
