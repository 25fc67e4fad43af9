import type { BuyerId, OrderId } from "../../schema/ids.ts";
import { assert } from "../../schema/result.ts";
import type { SkuConfig } from "../../schema/sku.ts";
import type { ReadChunk } from "./archive.ts";
import { bindKey, buyerOf, keyEntries, link, type KeyEntry } from "./buyers.ts";
import { assertCounted } from "./conservation.ts";
import { claimUntil, enter } from "./evolve.ts";
import { freezeHold, thawHold, type FrozenHold, type HoldFacts } from "./frozen-hold.ts";
import { emptyState, isLive, type Leaving, type RestockEntry, type SkuState } from "./state.ts";

/** Characters of one chunk: under 1 MB in UTF-8 whatever the alphabet, where a row of the platform takes 2 MB. */
const CHUNK_CHARS_MAX = 300_000;

/** Events after which a snapshot is worth it: replaying so many takes start-up a tenth of a second. */
const SNAPSHOT_EVENTS = 20_000;
/** Events after which a rush is interrupted for one: more would take start-up too long. */
const SNAPSHOT_EVENTS_MAX = 2_000_000;

/**
 * A snapshot looks at every hold and lets everybody wait, so it is made when nobody is there. It is due only after as many
 * events as there are holds: each event then pays for one hold, however many there are.
 */
export function isSnapshotDue({ holds }: SkuState, sinceSnapshot: number, quiet: boolean): boolean {
  return sinceSnapshot >= Math.max(quiet ? SNAPSHOT_EVENTS : SNAPSHOT_EVENTS_MAX, holds.size);
}

interface Head {
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

/** `at` and an order; or `at`, a buyer and the key. */
type FrozenLeaving = [at: number, order: OrderId] | [at: number, buyer: BuyerId, key: string];

/** One chunk: a head, or a run of entries of one kind. */
type Chunk =
  | { head: Head }
  | { holds: FrozenHold[] }
  | { buyers: [string, number][] }
  | { keys: [BuyerId, KeyEntry][] }
  | { leaving: FrozenLeaving[] }
  | { restocks: [string, RestockEntry][] };

/** A state as JSON texts, each small enough for a row. Equal states give equal texts. */
export function* freeze(state: SkuState): Generator<string> {
  yield JSON.stringify({ head: headOf(state) } satisfies Chunk);
  // Before the holds, which would bring their buyers in another order.
  yield* chunks("buyers", state.buyers, ([buyer, { units }]) => [buyer, units]);
  yield* chunks("holds", state.holds.values(), freezeHold);
  yield* chunks("keys", keyEntries(state), (entry) => entry);
  yield* chunks("leaving", leavingOf(state), freezeLeaving);
  yield* chunks("restocks", state.restocks, (entry) => entry);
}

function headOf(state: SkuState): Head {
  const { now, offers, initial, restocked, available, held, sold, soldAndGone, soldAndArchived } = state;
  const counters = { initial, restocked, available, held, sold, soldAndGone, soldAndArchived };
  return { now, offers, ...counters, chunks: state.archive.chunks };
}

/** What still leaves, as far as memory knows what it speaks of. */
function* leavingOf({ leaving, left, holds }: SkuState): Generator<Leaving> {
  for (let at = left; at < leaving.length; at++) {
    const item = leaving[at] as Leaving;
    if ("key" in item || holds.get(item.hold.order) === item.hold) yield item;
  }
}

const freezeLeaving = (item: Leaving): FrozenLeaving =>
  "key" in item ? [item.at, item.buyer, item.key] : [item.at, item.hold.order];

function* chunks<T>(kind: string, items: Iterable<T>, freezeItem: (item: T) => unknown): Generator<string> {
  let text = "";
  for (const item of items) {
    const frozen = JSON.stringify(freezeItem(item));
    if (text !== "" && text.length + frozen.length > CHUNK_CHARS_MAX) {
      yield `{"${kind}":[${text}]}`;
      text = "";
    }
    text += text === "" ? frozen : `,${frozen}`;
  }
  if (text !== "") yield `{"${kind}":[${text}]}`;
}

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
    else if ("holds" in chunk) for (const frozen of chunk.holds) thawIntoMemory(state, thawHold(frozen));
    else if ("buyers" in chunk) for (const [id, units] of chunk.buyers) buyerOf(state, id).units = units;
    else if ("keys" in chunk) for (const [buyer, entry] of chunk.keys) bindKey(buyerOf(state, buyer), entry);
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
