import type { BuyerId, OrderId } from "../../schema/ids.ts";
import type { Hold, SkuState } from "./state.ts";
import type { TextMap } from "./text-map.ts";

/** What a buyer used an idempotency key for. */
export interface KeyEntry {
  readonly key: string;
  readonly fingerprint: string;
  readonly order: OrderId;
  readonly at: number;
}

/** One buyer's part of a SKU. In a rush there is one for every hold: hence no map of keys where one field does. */
export interface Buyer {
  readonly id: BuyerId;
  /** Held and sold, also by holds that have left memory without going to the archive. */
  units: number;
  /** The newest of what this buyer holds or owns; each knows its neighbours. */
  first: Hold | null;
  /** The oldest key in use, and the others in their order. Nearly nobody has more than one. */
  key: KeyEntry | null;
  more: Map<string, KeyEntry> | null;
  /** As a hold's. */
  epoch: number;
}

export type Buyers = TextMap<Buyer>;

export function buyerOf(state: SkuState, id: BuyerId): Buyer {
  let buyer = state.buyers.get(id);
  if (buyer) return buyer;
  buyer = { id, units: 0, first: null, key: null, more: null, epoch: state.epoch };
  state.buyers.set(id, buyer);
  return buyer;
}

/** What this buyer used a key for, if memory has it: see `recall.ts`. */
export function keyInMemory(state: SkuState, id: BuyerId, key: string): KeyEntry | null {
  const buyer = state.buyers.get(id);
  return buyer ? keyOfBuyer(buyer, key) : null;
}

const keyOfBuyer = ({ key: first, more }: Buyer, key: string): KeyEntry | null =>
  first?.key === key ? first : (more?.get(key) ?? null);

/** From now on this key of this buyer is this entry's. */
export function bindKey(state: SkuState, buyer: Buyer, entry: KeyEntry): void {
  state.witness?.seeBuyer(buyer);
  if (!buyer.key || buyer.key.key === entry.key) buyer.key = entry;
  else (buyer.more ??= new Map()).set(entry.key, entry);
}

export function unbindKey(state: SkuState, id: BuyerId, key: string): void {
  const buyer = state.buyers.get(id);
  if (buyer) unbind(state, buyer, key);
}

function unbind(state: SkuState, buyer: Buyer, key: string): void {
  state.witness?.seeBuyer(buyer);
  if (buyer.key?.key === key) {
    buyer.key = buyer.more?.values().next().value ?? null;
    if (buyer.key) buyer.more?.delete(buyer.key.key);
  } else buyer.more?.delete(key);
  forgetEmpty(state, buyer);
}

/** Takes from its buyer the key that an order was placed with, if it is still its. Answers with the key's fingerprint. */
export function unbindHome(state: SkuState, { order, buyer: id, home, owner }: Hold): string | null {
  const buyer = owner ?? state.buyers.get(id);
  const entry = home && buyer && keyOfBuyer(buyer, home.key);
  if (entry?.order !== order) return null;
  unbind(state, buyer as Buyer, entry.key);
  return entry.fingerprint;
}

/** Adds a hold to what its buyer holds or owns. */
export function link(state: SkuState, hold: Hold): Buyer {
  const buyer = buyerOf(state, hold.buyer);
  state.witness?.seeBuyer(buyer);
  hold.next = buyer.first;
  if (buyer.first) buyer.first.previous = hold;
  buyer.first = hold;
  hold.owner = buyer;
  return buyer;
}

/** Takes a hold from what its buyer holds or owns. The units stay counted. */
export function unlink(hold: Hold): void {
  if (hold.previous) hold.previous.next = hold.next;
  else if (hold.owner) hold.owner.first = hold.next;
  if (hold.next) hold.next.previous = hold.previous;
  hold.previous = null;
  hold.next = null;
  hold.owner = null;
}

/** Takes a hold's units from its buyer, in memory. */
export function disown(state: SkuState, hold: Hold): void {
  const buyer = hold.owner;
  if (!buyer) throw new Error(`${hold.order} is nobody's`);
  state.witness?.seeBuyer(buyer);
  unlink(hold);
  buyer.units -= hold.quantity;
  forgetEmpty(state, buyer);
}

/** Who owns nothing and is owed no answer is forgotten. */
function forgetEmpty(state: SkuState, { id, units, key, more }: Buyer): void {
  if (units === 0 && !key && !more?.size) state.buyers.delete(id);
}
