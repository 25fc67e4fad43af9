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

/** FNV-1a, 32 bits (RFC 9923), over the characters: ids are ASCII. From another offset it is another hash. */
export function hashOf(text: string, offset = FNV_OFFSET): number {
  let hash = offset;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}

export const buyerHashOf = (buyer: BuyerId): number => hashOf(buyer);

/** @param buyers hashes of buyers, in any order and more than once. */
export const soldOutOf = (version: number, held: number, buyers: Iterable<number>): SoldOut => ({
  version,
  held,
  buyers: Uint32Array.from(new Set(buyers)).sort(),
});

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
