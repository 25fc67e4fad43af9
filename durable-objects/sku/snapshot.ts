import type { BuyerId, OrderId } from "../../schema/ids.ts";
import { assert } from "../../schema/result.ts";
import type { SkuConfig } from "../../schema/sku.ts";
import type { ReadChunk } from "./archive.ts";
import { bindKey, buyerOf, link, type Buyer, type KeyEntry } from "./buyers.ts";
import { assertCounted } from "./conservation.ts";
import { claimUntil, enter } from "./evolve.ts";
import { thawHold, type FrozenHold, type HoldFacts } from "./frozen-hold.ts";
import { emptyState, isLive, type RestockEntry, type SkuState } from "./state.ts";

export interface Head {
  now: number;
  offers: SkuConfig[];
  initial: number;
  restocked: number;
  available: number;
  held: number;
  sold: number;
  soldAndGone: number;
  soldAndArchived: number;
  /** Chunks of the archive that are older than this. */
  chunks: number;
}

type FrozenKey = [key: string, fingerprint: string, order: OrderId, at: number];
/** A buyer, the units that are theirs in memory, and their keys. */
type FrozenBuyer = [id: BuyerId, units: number, ...keys: FrozenKey[]];
/** `at` and an order; or `at`, a buyer and the key. */
export type FrozenLeaving = [at: number, order: OrderId] | [at: number, buyer: BuyerId, key: string];

/** One chunk: a head, or a run of entries of one kind. */
type Chunk =
  | { head: Head }
  | { buyers: FrozenBuyer[] }
  | { holds: FrozenHold[] }
  | { leaving: FrozenLeaving[] }
  | { restocks: [string, RestockEntry][] };

export const freezeBuyer = ({ id, units, key, more }: Buyer): FrozenBuyer => [
  id,
  units,
  ...(key ? [freezeKey(key)] : []),
  ...(more ? [...more.values()].map(freezeKey) : []),
];

const freezeKey = ({ key, fingerprint, order, at }: KeyEntry): FrozenKey => [key, fingerprint, order, at];

/**
 * The state that was frozen, counted again before anybody relies on it.
 * @param hashesOf reads where things are in the chunks of the archive up to one.
 * @param read reads a chunk of the archive.
 */
export function thaw(
  texts: Iterable<string>,
  hashesOf: (chunks: number) => Iterable<Uint32Array> = () => [],
  read?: ReadChunk,
): SkuState {
  const state = emptyState(read);
  for (const text of texts) {
    const chunk = JSON.parse(text) as Chunk;
    if ("head" in chunk) thawHead(state, chunk.head, hashesOf);
    else if ("buyers" in chunk) for (const frozen of chunk.buyers) thawBuyer(state, frozen);
    else if ("holds" in chunk) for (const frozen of chunk.holds) thawIntoMemory(state, thawHold(frozen));
    else if ("leaving" in chunk) for (const item of chunk.leaving) thawLeaving(state, item);
    else if ("restocks" in chunk) for (const [key, entry] of chunk.restocks) state.restocks.set(key, entry);
    else assert(false, "a snapshot has chunks of known kinds only");
  }
  assertCounted(state);
  return state;
}

function thawHead(
  state: SkuState,
  { chunks: archived, ...head }: Head,
  hashesOf: (upTo: number) => Iterable<Uint32Array>,
): void {
  Object.assign(state, head);
  state.config = head.offers.at(-1) ?? null;
  for (const hashes of hashesOf(archived)) state.archive.add(hashes);
  assert(state.archive.chunks === archived, `the archive has the ${archived} chunks of the snapshot`);
}

function thawBuyer(state: SkuState, [id, units, ...keys]: FrozenBuyer): void {
  const buyer = buyerOf(state, id);
  buyer.units = units;
  for (const [key, fingerprint, order, at] of keys) bindKey(state, buyer, { key, fingerprint, order, at });
}

function thawIntoMemory(state: SkuState, facts: HoldFacts): void {
  const hold = enter(state, facts);
  hold.endedAt = facts.endedAt;
  if (hold.state === "claimed") claimUntil(state, hold, hold.until);
  if (isLive(hold) || hold.state === "sold") link(state, hold);
}

function thawLeaving(state: SkuState, item: FrozenLeaving): void {
  if (item.length === 3) {
    const [at, buyer, key] = item;
    state.leaving.push({ at, buyer, key });
    return;
  }
  const [at, order] = item;
  const hold = state.holds.get(order);
  assert(hold !== undefined, `${order} leaves memory and is not in it`);
  state.leaving.push({ at, hold });
}
