import { err, ok, unreachable } from "../../schema/result.ts";
import { saleStateAt } from "../../schema/sale.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  Held,
  HoldAnswer,
  HoldRequest,
  KeyAnswer,
  KeyRequest,
  MoveAnswer,
  ReleaseReason,
  RestockRequest,
  SkuConfig,
  SkuEvent,
  StockMove,
} from "../../schema/sku.ts";
import { keyInMemory } from "./buyers.ts";
import type { Chunk } from "./archive.ts";
import type { SkuAnswer, SkuAnswers, SkuCommand } from "./commands.ts";
import { assertConserved } from "./conservation.ts";
import {
  availableNow,
  DEADLINES_MAX,
  endOwn,
  happen,
  holdNow,
  passDeadlines,
  release,
  unitsNow,
} from "./deadlines.ts";
import type { HoldFacts } from "./frozen-hold.ts";
import { advance, archiveFinished, ARCHIVING, type Archiving } from "./leaving.ts";
import { lineOf, placementOf } from "./placement.ts";
import { holdOf, keyOf } from "./recall.ts";
import { isLive, type SkuState } from "./state.ts";
import { viewOfHold } from "./views.ts";

export interface Applied {
  /** One for each command, in order. */
  readonly results: SkuAnswer[];
  /** What happened, in order: what the journal stores. */
  readonly events: SkuEvent[];
  /** Claims past their deadline: somebody must ask their orders now. They come again, less and less often. */
  readonly overdue: StockMove[];
  /** What left memory at the end: it must be stored with the events. */
  readonly archived: Chunk[];
}

/** How much of what nobody waits for is done in one commit. */
export interface Paces {
  readonly deadlinesMax?: number;
  readonly archiving?: Archiving;
}

/**
 * Lets time pass, then decides a batch of commands one after the other. Changes `state` in place: if what it returns
 * cannot be stored, `state` must not be used again.
 */
export function apply(
  state: SkuState,
  commands: readonly SkuCommand[],
  now: number,
  { deadlinesMax = DEADLINES_MAX, archiving = ARCHIVING }: Paces = {},
): Applied {
  advance(state, now);
  const events: SkuEvent[] = [];
  const overdue = passDeadlines(state, events, deadlinesMax);
  const results: SkuAnswer[] = [];
  for (const command of commands) results.push(decide(state, command, events));
  assertConserved(state);
  // Only where a row of the journal tells when.
  const archived = events.length > 0 ? archiveFinished(state, events.length, archiving) : [];
  return { results, events, overdue, archived };
}

function decide(state: SkuState, command: SkuCommand, events: SkuEvent[]): SkuAnswer {
  switch (command.type) {
    case "configure":
      return decideConfigure(state, command.config, command.stock, events);
    case "hold":
      return decideHold(state, command.request, events);
    case "claim":
      return decideClaim(state, command.request, events);
    case "commit":
      return decideCommit(state, command.move, events);
    case "release":
      return decideRelease(state, command.move, command.reason, events);
    case "retake":
      return decideRetake(state, command.move, command.until, events);
    case "restock":
      return decideRestock(state, command.request, events);
    case "bind":
      return decideBind(state, command.request, events);
    case "unbind": {
      const { buyer, key, order } = command;
      const bound = keyInMemory(state, buyer, key)?.order === order && !holdOf(state, order)?.home;
      if (bound) happen(state, events, { type: "unbound", buyer, key, order });
      return ok(null);
    }
    case "look":
      if ("order" in command) holdNow(state, command.order, events);
      else endOwn(state, command.buyer, events);
      return ok(null);
    default:
      return unreachable(command);
  }
}

function decideConfigure(
  state: SkuState,
  config: SkuConfig,
  stock: number,
  events: SkuEvent[],
): SkuAnswers["configure"] {
  const known = state.config;
  if (known && known.sku !== config.sku) return err({ code: "other_sku" });
  // It may move on once the sale it is in is over, or has stopped offering it.
  if (known && known.sale !== config.sale && state.now < known.closesAt) return err({ code: "other_sale" });
  if (known && sameConfig(known, config)) return ok(null);
  happen(state, events, { type: "configured", config, initial: known ? state.initial : stock });
  return ok(null);
}

function decideHold(state: SkuState, request: HoldRequest, events: SkuEvent[]): HoldAnswer {
  const { config, now } = state;
  const { order, buyer, quantity, home } = request;
  if (!config) return err({ code: "unknown_sku" });

  const bound = home && keyOf(state, buyer, home.key);
  if (home && bound) {
    if (bound.fingerprint !== home.fingerprint) return err({ code: "idempotency_key_reused" });
    const first = holdOf(state, bound.order);
    if (first?.home) return ok(heldOf(state, config, first, true));
    if (bound.order !== order) return err({ code: "released" }); // Its key was given to a later request.
  }
  const earlier = holdNow(state, order, events);
  if (earlier && !isLive(earlier) && earlier.state !== "sold") return err({ code: "released" });
  if (earlier) return ok(heldOf(state, config, earlier, true));
  if (request.sale !== config.sale) return err({ code: "unknown_sku" });
  const foreign = home?.others.some(({ unitPrice }) => unitPrice.currency !== config.price.currency);
  if (foreign) return err({ code: "unknown_sku" }); // Priced anew in another currency since the sale was read.

  const window = saleStateAt(config, now);
  if (window === "upcoming") return err({ code: "sale_not_open", opensAt: config.opensAt });
  if (window === "closed") return err({ code: "sale_closed" });
  const ownMax = config.perBuyerMax - quantity;
  if (unitsNow(state, buyer, ownMax, events) > ownMax)
    return err({ code: "purchase_limit", limit: config.perBuyerMax });
  if (quantity > availableNow(state, quantity, events))
    return err({ code: "sold_out", held: state.held, available: state.available });

  const until = Math.min(now + config.holdMs, home?.othersHeldUntil ?? Infinity);
  const placed = home && {
    key: home.key,
    fingerprint: home.fingerprint,
    offer: state.offers.length - 1,
    others: home.others,
  };
  happen(state, events, { type: "held", order, buyer, quantity, until, home: placed });
  const held = holdOf(state, order);
  if (!held) throw new Error(`${order} was held and is not there`);
  return ok(heldOf(state, config, held, false));
}

function heldOf({ offers }: SkuState, config: SkuConfig, hold: HoldFacts, replayed: boolean): Held {
  if (hold.home) return { placement: placementOf(offers, hold, hold.home), replayed };
  return { placement: null, line: lineOf(config, hold.quantity), heldUntil: hold.until, replayed };
}

function decideClaim(state: SkuState, { order, until }: ClaimRequest, events: SkuEvent[]): ClaimAnswer {
  const hold = holdNow(state, order, events);
  if (!hold) return err({ code: "unknown_hold" });
  if (hold.state === "sold" || hold.state === "released") return err({ code: hold.state });
  if (hold.state === "held" || until > hold.until) happen(state, events, { type: "claimed", order, until });
  return ok(viewOfHold(state.offers, hold));
}

function decideCommit(state: SkuState, { order, take }: StockMove, events: SkuEvent[]): MoveAnswer {
  if (!state.config) return err({ code: "unknown_sku" });
  const hold = holdNow(state, order, events);
  if (hold?.state === "sold") return ok("sold");
  // What an earlier take held is gone, whatever this order has taken since.
  if (!hold || hold.state === "released" || take < hold.take) return err({ code: "gone" });
  happen(state, events, { type: "sold", order });
  return ok("sold");
}

function decideRelease(
  state: SkuState,
  move: StockMove,
  reason: ReleaseReason,
  events: SkuEvent[],
): MoveAnswer {
  const { order, take, buyer, quantity } = move;
  if (!state.config) return err({ code: "unknown_sku" });
  const hold = holdNow(state, order, events);
  if (hold && (hold.state === "sold" || take < hold.take)) return ok(hold.state);
  // What has been placed is its buyer's: only a request that died before that is taken over by another.
  if (hold?.home && isLive(hold) && reason === "superseded") return ok(hold.state);
  if (hold && isLive(hold)) release(state, events, hold, reason);
  // Whatever takes it up to here may still be on its way: it must find nothing to take.
  if (!hold || take > hold.take) happen(state, events, { type: "tombstoned", order, buyer, quantity, take });
  return ok("released");
}

function decideRetake(state: SkuState, move: StockMove, until: number, events: SkuEvent[]): MoveAnswer {
  const { config } = state;
  if (!config) return err({ code: "unknown_sku" });
  const hold = holdNow(state, move.order, events);
  if (hold?.state === "sold") return ok("sold");
  if (hold && move.take <= hold.take)
    return hold.state === "released" ? err({ code: "gone" }) : ok(hold.state);

  const { order, buyer, quantity } = hold ?? move;
  if (!hold || !isLive(hold)) {
    // Late money buys no more than anybody may own: what the buyer bought in the meantime counts.
    const ownMax = config.perBuyerMax - quantity;
    const overLimit = unitsNow(state, buyer, ownMax, events) > ownMax;
    if (overLimit || quantity > availableNow(state, quantity, events)) return err({ code: "gone" });
  }
  happen(state, events, { type: "retaken", order, buyer, quantity, take: move.take, until });
  return ok("claimed");
}

function decideRestock(state: SkuState, request: RestockRequest, events: SkuEvent[]): SkuAnswers["restock"] {
  const { key, fingerprint, delta, reason } = request;
  if (!state.config) return err({ code: "unknown_sku" });
  const earlier = state.restocks.get(key);
  if (earlier && earlier.fingerprint !== fingerprint) return err({ code: "idempotency_key_reused" });
  if (earlier) return ok({ replayed: true });
  if (availableNow(state, -delta, events) + delta < 0) return err({ code: "insufficient_stock" });
  happen(state, events, { type: "restocked", key, fingerprint, delta, reason });
  return ok({ replayed: false });
}

function decideBind(state: SkuState, request: KeyRequest, events: SkuEvent[]): KeyAnswer {
  const { buyer, key, fingerprint, order, supersedes } = request;
  if (!state.config) return err({ code: "unknown_sku" });
  const bound = keyOf(state, buyer, key);
  if (bound && bound.fingerprint !== fingerprint) return err({ code: "idempotency_key_reused" });
  // An order placed here keeps its key, whatever the caller believes of it.
  const stays = bound && (bound.order !== supersedes || holdOf(state, bound.order)?.home);
  if (stays) return ok({ order: bound.order, boundAt: bound.at });
  happen(state, events, { type: "bound", buyer, key, fingerprint, order });
  return ok({ order, boundAt: state.now });
}

/** Every field of a configuration: one that is not compared here would never be changed. */
const CONFIG_FIELDS: Record<Exclude<keyof SkuConfig, "price">, true> = {
  sku: true,
  sale: true,
  name: true,
  perBuyerMax: true,
  holdMs: true,
  opensAt: true,
  closesAt: true,
};

function sameConfig(a: SkuConfig, b: SkuConfig): boolean {
  if (a.price.amount !== b.price.amount || a.price.currency !== b.price.currency) return false;
  return (Object.keys(CONFIG_FIELDS) as (keyof typeof CONFIG_FIELDS)[]).every(
    (field) => a[field] === b[field],
  );
}
