import type { BuyerId, OrderId } from "../../schema/ids.ts";
import type { Finished } from "./archive.ts";
import { keyInMemory, type KeyEntry } from "./buyers.ts";
import { thawHold, type HoldFacts } from "./frozen-hold.ts";
import { IDEMPOTENCY_WINDOW_MS } from "./leaving.ts";
import type { SkuState } from "./state.ts";

/** What is known of an order, a key or a buyer, in memory or in the archive. Memory is newer. */

export const holdOf = (state: SkuState, order: OrderId): HoldFacts | null =>
  state.holds.get(order) ?? archivedHoldOf(state, order)?.hold ?? null;

/** A hold that has left memory and can be asked about, and the fingerprint of the key that is still its. */
export function archivedHoldOf(
  state: SkuState,
  order: OrderId,
): { hold: HoldFacts; fingerprint: string | null } | null {
  const fact = state.archive.holdOf(order);
  if (!fact) return null;
  const hold = thawHold(fact.hold);
  return isKnown(state, hold.endedAt) ? { hold, fingerprint: fact.fingerprint } : null;
}

export function keyOf(state: SkuState, buyer: BuyerId, key: string): KeyEntry | null {
  const entry = keyInMemory(state, buyer, key);
  if (entry) return entry;
  for (const fact of state.archive.ofBuyer(buyer)) {
    const archived = keyOfFact(state, fact, key);
    if (archived) return archived;
  }
  return null;
}

function keyOfFact(state: SkuState, fact: Finished, key: string): KeyEntry | null {
  if ("entry" in fact) return fact.entry.key === key && isKnown(state, fact.entry.at) ? fact.entry : null;
  const { order, home, endedAt } = thawHold(fact.hold);
  if (home?.key !== key || fact.fingerprint === null || !isKnown(state, endedAt)) return null;
  return { key, fingerprint: fact.fingerprint, order, at: home.createdAt };
}

/** Held and sold, for as long as there is this SKU. */
export function unitsOf(state: SkuState, buyer: BuyerId): number {
  let units = state.buyers.get(buyer)?.units ?? 0;
  for (const fact of state.archive.ofBuyer(buyer)) {
    if ("entry" in fact) continue;
    const [, , quantity, phase] = fact.hold;
    if (phase === "sold") units += quantity;
  }
  return units;
}

/** What a buyer holds or owns and can ask about. */
export function ownedBy(state: SkuState, buyer: BuyerId): HoldFacts[] {
  const owned: HoldFacts[] = [];
  for (let hold = state.buyers.get(buyer)?.first ?? null; hold; hold = hold.next) owned.push(hold);
  for (const fact of state.archive.ofBuyer(buyer)) {
    if ("entry" in fact) continue;
    const hold = thawHold(fact.hold);
    if (hold.state === "sold" && isKnown(state, hold.endedAt)) owned.push(hold);
  }
  return owned;
}

const isKnown = ({ now }: SkuState, at: number): boolean => at > now - IDEMPOTENCY_WINDOW_MS;
