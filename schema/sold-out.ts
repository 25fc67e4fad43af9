import type { BuyerId } from "./ids.ts";

/**
 * That nothing of a SKU is free, and to whom it would say something else than that: buyers who have placed an order here, whose
 * repeated request has its own answer. They are known by a hash; a buyer who shares one is only asked about in vain.
 */
export interface SoldOut {
  /** The number of the journal row this was true at. */
  readonly version: number;
  readonly held: number;
  /** Hashes of buyers, ascending. */
  readonly buyers: Uint32Array;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a, 32 bits (RFC 9923), over the characters: buyers' ids are ASCII. */
export function buyerHashOf(buyer: BuyerId): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < buyer.length; i++) hash = Math.imul(hash ^ buyer.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}

export function soldOutOf(version: number, held: number, buyers: Iterable<BuyerId>): SoldOut {
  const hashes = new Set<number>();
  for (const buyer of buyers) hashes.add(buyerHashOf(buyer));
  return { version, held, buyers: Uint32Array.from(hashes).sort() };
}

/** Whether the SKU itself must be asked for this buyer. */
export function mayKnow({ buyers }: SoldOut, buyer: BuyerId): boolean {
  const hash = buyerHashOf(buyer);
  let low = 0;
  let high = buyers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((buyers[middle] ?? 0) < hash) low = middle + 1;
    else high = middle;
  }
  return buyers[low] === hash;
}
