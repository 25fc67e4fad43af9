import type { BuyerId } from "../../schema/ids.ts";
import type { Line } from "../../schema/order.ts";
import { assert } from "../../schema/result.ts";
import type { HoldState, SkuConfig } from "../../schema/sku.ts";
import { assertCounted } from "./conservation.ts";
import { bindKey, buyerOf, keyEntries, link, type KeyEntry } from "./buyers.ts";
import {
  emptyState,
  enter,
  isLive,
  type Hold,
  type Leaving,
  type RestockEntry,
  type SkuState,
} from "./state.ts";

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
}

/** `order, buyer, quantity, state, until, take, endedAt`, and on a home hold `key, offer, createdAt, payBy` and the other lines. */
type FrozenHold = [
  Hold["order"],
  string,
  number,
  HoldState,
  number,
  number,
  number,
  ...home: [] | [string, number, number, number, ...others: Line[]],
];

/** One chunk: a head, or a run of entries of one kind. */
type Chunk =
  | { head: Head }
  | { holds: FrozenHold[] }
  | { buyers: [string, number][] }
  | { keys: [BuyerId, KeyEntry][] }
  | { restocks: [string, RestockEntry][] };

/** A state as JSON texts, each small enough for a row. Equal states give equal texts. */
export function* freeze(state: SkuState): Generator<string> {
  const { now, offers, initial, restocked, available, held, sold, soldAndGone } = state;
  const head: Head = { now, offers, initial, restocked, available, held, sold, soldAndGone };
  yield JSON.stringify({ head } satisfies Chunk);
  // Before the holds, which would bring their buyers in another order.
  yield* chunks("buyers", state.buyers, ([buyer, { units }]) => [buyer, units]);
  yield* chunks("holds", state.holds.values(), (hold): FrozenHold => {
    const { order, buyer, quantity, until, take, endedAt, home } = hold;
    const placed: [] | [string, number, number, number, ...Line[]] = home
      ? [home.key, home.offer, home.createdAt, home.payBy, ...home.others]
      : [];
    return [order, buyer, quantity, hold.state, until, take, endedAt, ...placed];
  });
  yield* chunks("keys", keyEntries(state), (entry) => entry);
  yield* chunks("restocks", state.restocks, (entry) => entry);
}

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

/** The state that was frozen, counted again before anybody relies on it. */
export function thaw(texts: Iterable<string>): SkuState {
  const state = emptyState();
  for (const text of texts) {
    const chunk = JSON.parse(text) as Chunk;
    if ("head" in chunk) thawHead(state, chunk.head);
    else if ("holds" in chunk) for (const frozen of chunk.holds) thawHold(state, frozen);
    else if ("buyers" in chunk) for (const [id, units] of chunk.buyers) buyerOf(state, id).units = units;
    else if ("keys" in chunk) for (const [buyer, entry] of chunk.keys) bindKey(state, buyer, entry);
    else if ("restocks" in chunk) for (const [key, entry] of chunk.restocks) state.restocks.set(key, entry);
    else assert(false, "a snapshot has chunks of known kinds only");
  }
  state.leaving = leavingOf(state);
  assertCounted(state);
  return state;
}

function thawHead(state: SkuState, head: Head): void {
  Object.assign(state, head);
  state.config = head.offers.at(-1) ?? null;
}

function thawHold(state: SkuState, frozen: FrozenHold): void {
  const [order, buyer, quantity, phase, until, take, endedAt, key, offer, createdAt, payBy, ...others] =
    frozen;
  const isHome = key !== undefined && offer !== undefined && createdAt !== undefined && payBy !== undefined;
  const home = isHome ? { key, offer, others, createdAt, payBy } : null;
  const hold = enter(state, { order, buyer, quantity, home, state: phase, until, take });
  hold.endedAt = endedAt;
  if (phase === "claimed") state.due.push(until, hold);
  if (isLive(hold) || phase === "sold") link(state, hold);
}

function leavingOf(state: SkuState): Leaving[] {
  const leaving: Leaving[] = [];
  for (const hold of state.holds.values()) if (hold.endedAt > 0) leaving.push({ at: hold.endedAt, hold });
  for (const [buyer, { key, at }] of keyEntries(state)) leaving.push({ at, buyer, key });
  for (const [restock, { at }] of state.restocks) leaving.push({ at, restock });
  return leaving.sort((a, b) => a.at - b.at);
}
