import type { BuyerId, OrderId } from "../../schema/ids.ts";
import { assert, RuleBroken, unreachable } from "../../schema/result.ts";
import type { Counters, HoldState, Placed, SkuConfig, SkuEvent } from "../../schema/sku.ts";
import { bindKey, disown, keyOf, link, unbindKey, unlink, type Buyers } from "./buyers.ts";
import { DueHeap } from "./due-heap.ts";

/** What is finished can be asked about again for this long: holds that ended, keys, tombstones. */
export const IDEMPOTENCY_WINDOW_MS = 24 * 3_600_000;
/** The front of a queue is cut off only when it has grown this long, so that leaving costs no copying each time. */
const CUT_MIN = 1_024;

/** A hold in memory. A tombstone is one that was released before it began. */
export interface Hold {
  readonly order: OrderId;
  readonly buyer: BuyerId;
  readonly quantity: number;
  /** Present on the home hold of an order. */
  readonly home: (Placed & { readonly key: string }) | null;
  state: HoldState;
  until: number;
  take: number;
  /** When it was sold or released; 0 while neither. */
  endedAt: number;
  /** When to look at it next: at its end, then again and again while a claim is overdue. */
  dueAt: number;
  /** How often somebody was asked what became of this overdue claim. */
  asks: number;
  /** Neighbours among what its buyer holds or owns. */
  previous: Hold | null;
  next: Hold | null;
}

export interface RestockEntry {
  readonly fingerprint: string;
  readonly at: number;
}

/** Something that leaves memory one window after `at`. */
export type Leaving =
  | { readonly at: number; readonly hold: Hold }
  | { readonly at: number; readonly buyer: BuyerId; readonly key: string }
  | { readonly at: number; readonly restock: string };

/** A SKU in memory. It is changed in place by `evolve` and `advance` and by nothing else. */
export interface SkuState extends Counters {
  /** The clock of this SKU: never goes back. */
  now: number;
  /** The configuration in force: the last of `offers`. */
  config: SkuConfig | null;
  /** Every configuration there has been, the first one first: placed orders keep the price they were placed at. */
  readonly offers: SkuConfig[];
  initial: number;
  restocked: number;
  available: number;
  held: number;
  sold: number;
  /** Units of sold holds that have left memory. */
  soldAndGone: number;
  readonly holds: Map<OrderId, Hold>;
  /** Who holds or owns something, or has a key in use. */
  readonly buyers: Buyers;
  readonly restocks: Map<string, RestockEntry>;
  /** Entries of holds that have ended or moved on stay until they come up; `dueAt` tells which still count. */
  readonly due: DueHeap<Hold>;
  leaving: Leaving[];
  left: number;
}

export const emptyState = (): SkuState => ({
  now: 0,
  config: null,
  offers: [],
  initial: 0,
  restocked: 0,
  available: 0,
  held: 0,
  sold: 0,
  soldAndGone: 0,
  holds: new Map(),
  buyers: new Map(),
  restocks: new Map(),
  due: new DueHeap(),
  leaving: [],
  left: 0,
});

export const isLive = (hold: Hold): boolean => hold.state === "held" || hold.state === "claimed";

/** Lets time pass: the clock moves, never back, and what nobody can ask about any more leaves memory. */
export function advance(state: SkuState, now: number): void {
  if (now > state.now) state.now = now;
  const leavesBefore = state.now - IDEMPOTENCY_WINDOW_MS;
  for (
    let item = state.leaving[state.left];
    item && item.at <= leavesBefore;
    item = state.leaving[state.left]
  ) {
    state.left++;
    leave(state, item);
  }
  if (state.left < CUT_MIN || state.left * 2 < state.leaving.length) return;
  state.leaving = state.leaving.slice(state.left);
  state.left = 0;
}

function leave(state: SkuState, item: Leaving): void {
  if ("restock" in item) state.restocks.delete(item.restock);
  else if ("key" in item) {
    const { buyer, key } = item;
    const entry = keyOf(state, buyer, key);
    if (entry?.at !== item.at) return;
    // The key that an order was placed with here leaves with its hold.
    const hold = state.holds.get(entry.order);
    if (hold?.home?.key !== key || hold.buyer !== buyer) unbindKey(state, buyer, key);
  } else {
    const { hold, at } = item;
    // Its stock may have been taken again since, and it may have ended twice within one millisecond.
    if (hold.endedAt !== at || state.holds.get(hold.order) !== hold) return;
    state.holds.delete(hold.order);
    if (hold.home && keyOf(state, hold.buyer, hold.home.key)?.order === hold.order)
      unbindKey(state, hold.buyer, hold.home.key);
    if (hold.state !== "sold") return;
    state.soldAndGone += hold.quantity;
    unlink(state, hold);
  }
}

/** Applies what happened. Changes `state` in place: a copy for each event would cost more than all deciding. */
export function evolve(state: SkuState, event: SkuEvent): void {
  switch (event.type) {
    case "configured":
      if (!state.config) {
        state.initial = event.initial;
        state.available = event.initial;
      }
      state.config = event.config;
      state.offers.push(event.config);
      return;
    case "held": {
      const { order, buyer, quantity, until, home } = event;
      const placed = home && placedAt(state.now, until, home);
      const hold = enter(state, { order, buyer, quantity, home: placed, state: "held", until, take: 1 });
      takeStock(state, hold);
      if (!home) return;
      const { key, fingerprint } = home;
      bindKey(state, buyer, { key, fingerprint, order, at: state.now });
      return;
    }
    case "claimed": {
      const hold = liveHold(state, event.order);
      hold.state = "claimed";
      wakeAt(state, hold, event.until);
      return;
    }
    case "sold": {
      const hold = liveHold(state, event.order);
      state.held -= hold.quantity;
      state.sold += hold.quantity;
      end(state, hold, "sold");
      return;
    }
    case "released": {
      const hold = liveHold(state, event.order);
      state.held -= hold.quantity;
      state.available += hold.quantity;
      end(state, hold, "released");
      disown(state, hold);
      return;
    }
    case "tombstoned":
      return evolveTombstoned(state, event);
    case "retaken":
      return evolveRetaken(state, event);
    case "restocked":
      state.restocked += event.delta;
      state.available += event.delta;
      state.restocks.set(event.key, { fingerprint: event.fingerprint, at: state.now });
      state.leaving.push({ at: state.now, restock: event.key });
      return;
    case "bound": {
      const { buyer, key, fingerprint, order } = event;
      bindKey(state, buyer, { key, fingerprint, order, at: state.now });
      state.leaving.push({ at: state.now, buyer, key });
      return;
    }
    case "unbound":
      unbindKey(state, event.buyer, event.key);
      return;
    default:
      return unreachable(event);
  }
}

type HeldHome = NonNullable<Extract<SkuEvent, { type: "held" }>["home"]>;

const placedAt = (createdAt: number, payBy: number, { key, offer, others }: HeldHome): Hold["home"] => ({
  key,
  offer,
  others,
  createdAt,
  payBy,
});

function evolveTombstoned(state: SkuState, event: Extract<SkuEvent, { type: "tombstoned" }>): void {
  const { order, buyer, quantity } = event;
  let hold = state.holds.get(order);
  if (hold) assert(hold.state === "released", `${order} is ${hold.state} and was tombstoned`);
  hold ??= enter(state, { order, buyer, quantity, home: null, state: "released", until: state.now, take: 0 });
  hold.take = event.take;
  end(state, hold, "released");
}

function evolveRetaken(state: SkuState, event: Extract<SkuEvent, { type: "retaken" }>): void {
  const { order, buyer, quantity, until } = event;
  let hold = state.holds.get(order);
  if (!hold || hold.state === "released") {
    hold ??= enter(state, { order, buyer, quantity, home: null, state: "claimed", until, take: 0 });
    hold.endedAt = 0;
    takeStock(state, hold);
  }
  assert(hold.state !== "sold", `${order} was taken again after it was sold`);
  hold.state = "claimed";
  hold.take = event.take;
  wakeAt(state, hold, until);
}

/** Rebuilds a state from what happened. `at` is the clock of the commit that wrote the events. */
export function replay(
  state: SkuState,
  commits: Iterable<{ at: number; events: readonly SkuEvent[] }>,
): void {
  for (const { at, events } of commits) {
    advance(state, at);
    for (const event of events) evolve(state, event);
  }
}

type Entering = Pick<Hold, "order" | "buyer" | "quantity" | "home" | "state" | "until" | "take">;

/** Puts a hold into memory, without moving any stock. */
export function enter(state: SkuState, facts: Entering): Hold {
  const { order, buyer, quantity, home, until, take } = facts;
  const hold: Hold = {
    order,
    buyer,
    quantity,
    home,
    state: facts.state,
    until,
    take,
    endedAt: 0,
    dueAt: until,
    asks: 0,
    previous: null,
    next: null,
  };
  state.holds.set(order, hold);
  if (facts.state === "held") state.due.push(until, hold);
  return hold;
}

function takeStock(state: SkuState, hold: Hold): void {
  assert(hold.quantity <= state.available, "only what is free is taken");
  state.available -= hold.quantity;
  state.held += hold.quantity;
  const buyer = link(state, hold);
  buyer.units += hold.quantity;
  assert(buyer.units <= (state.config?.perBuyerMax ?? 0), "nobody takes more than a buyer may have");
}

function end(state: SkuState, hold: Hold, as: "sold" | "released"): void {
  hold.state = as;
  hold.endedAt = state.now;
  state.leaving.push({ at: state.now, hold });
}

function wakeAt(state: SkuState, hold: Hold, until: number): void {
  hold.until = until;
  hold.dueAt = until;
  hold.asks = 0;
  state.due.push(until, hold);
}

function liveHold(state: SkuState, order: OrderId): Hold {
  const hold = state.holds.get(order);
  if (!hold || !isLive(hold))
    throw new RuleBroken(`a hold that is not live cannot move: ${order} is ${hold?.state}`);
  return hold;
}
