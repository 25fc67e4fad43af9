import { QUANTITY_MAX, STOCK_MAX } from "../../schema/limits.ts";
import type { BuyerId } from "../../schema/ids.ts";
import { assert, unreachable } from "../../schema/result.ts";
import type { HoldView, SkuConfig, SkuView } from "../../schema/sku.ts";
import { buyerHashOf, soldOutOf, type SoldOut } from "../../schema/sold-out.ts";
import type { SkuCommand } from "./commands.ts";
import type { HoldFacts } from "./frozen-hold.ts";
import { placementOf } from "./placement.ts";
import { ownedBy } from "./recall.ts";
import type { SkuState } from "./state.ts";

/** @param version the number of the journal row that made this state. */
export function viewOf(state: SkuState, config: SkuConfig, version: number, crowded: boolean): SkuView {
  const { initial, restocked, available, held, sold, offers } = state;
  const sales = [...new Set(offers.map(({ sale }) => sale))];
  return { initial, restocked, available, held, sold, version, config, sales, crowded };
}

export function viewOfHold(offers: readonly SkuConfig[], hold: HoldFacts): HoldView {
  const { order, buyer, quantity, state, until, take, home } = hold;
  const placement = home && placementOf(offers, hold, home);
  return { order, buyer, quantity, state, until, take, placement };
}

/** Holds that are looked at for a buyer each: beyond so many nobody is spared the way here. */
const SOLD_OUT_HOLDS_MAX = 100_000;

/** See `SkuApi.soldOut`. */
export function soldOutViewOf(state: SkuState, version: number): SoldOut | null {
  const { available, held, holds, archive } = state;
  if (available > 0 || holds.size + archive.facts > SOLD_OUT_HOLDS_MAX) return null;
  return soldOutOf(version, held, buyerHashesOf(state));
}

function* buyerHashesOf({ holds, archive }: SkuState): Generator<number> {
  for (const { buyer } of holds.values()) yield buyerHashOf(buyer);
  yield* archive.buyers();
}

/** What a buyer holds or owns, oldest first: an order's id begins with the time it was placed. */
export function holdsOf(state: SkuState, buyer: BuyerId): HoldView[] {
  const views = ownedBy(state, buyer).map((hold) => viewOfHold(state.offers, hold));
  return views.sort((a, b) => (a.order < b.order ? -1 : 1));
}

const isQuantity = (units: number): boolean => Number.isInteger(units) && units > 0 && units <= QUANTITY_MAX;
const isStock = (units: number): boolean => Number.isInteger(units) && units >= 0 && units <= STOCK_MAX;

/** Callers have parsed what they ask. One that has not is refused before it can spoil the commit of others. */
export function assertSound(command: SkuCommand): void {
  switch (command.type) {
    case "configure":
      return assert(isStock(command.stock), "stock is a whole number of units");
    case "hold":
      return assert(isQuantity(command.request.quantity), "a hold is of a whole number of units");
    case "release":
    case "retake":
      return assert(isQuantity(command.move.quantity), "a move is of a whole number of units");
    case "restock":
      return assert(isStock(Math.abs(command.request.delta)), "stock changes by a whole number of units");
    case "claim":
    case "commit":
    case "bind":
    case "unbind":
    case "look":
      return;
    default:
      return unreachable(command);
  }
}
