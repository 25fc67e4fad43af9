import type { BuyerId, OrderId } from "../../schema/ids.ts";
import type { Counters, HoldState, Placed, SkuConfig } from "../../schema/sku.ts";
import { Archive, type ReadChunk } from "./archive.ts";
import type { Buyer, Buyers } from "./buyers.ts";
import { DueHeap } from "./due-heap.ts";
import { TextMap } from "./text-map.ts";

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
  /** Its number among what is due while it is held, and among claims while it is claimed; -1 once it is neither. */
  deadline: number;
  /** How often somebody was asked what became of this overdue claim. */
  asks: number;
  /** The last snapshot that has seen it, or that had begun when it entered. */
  epoch: number;
  /** Its buyer, while it is held or owned, so that nobody needs to look for them. */
  owner: Buyer | null;
  /** Neighbours among what its buyer holds or owns. */
  previous: Hold | null;
  next: Hold | null;
}

export interface RestockEntry {
  readonly fingerprint: string;
  readonly at: number;
}

/** Something finished at `at`, which leaves memory sooner or later. */
export type Leaving =
  | { readonly at: number; readonly hold: Hold }
  | { readonly at: number; readonly buyer: BuyerId; readonly key: string };

/** A snapshot in the making sees each hold and each buyer before it changes or leaves, for the first time since it began. */
export interface Witness {
  seeHold(hold: Hold): void;
  seeBuyer(buyer: Buyer): void;
}

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
  /** Those of them that are in the archive, and not among their buyer's units in memory. */
  soldAndArchived: number;
  readonly holds: TextMap<Hold>;
  /** Who holds or owns something, or has a key in use. */
  readonly buyers: Buyers;
  readonly restocks: Map<string, RestockEntry>;
  /** What is held, by its end. */
  readonly due: DueHeap<Hold>;
  /** What is claimed, by when to ask about it. */
  readonly claims: DueHeap<Hold>;
  /** What is finished and in memory, in the order in which it leaves; before `left` it has. */
  leaving: Leaving[];
  left: number;
  /** What is finished and has left memory. */
  readonly archive: Archive;
  /** Snapshots that have begun. */
  epoch: number;
  witness: Witness | null;
}

const nothingIsArchived: ReadChunk = (chunk) => {
  throw new Error(`the chunk ${chunk} was never archived`);
};

/** @param read reads what has left memory. */
export const emptyState = (read: ReadChunk = nothingIsArchived): SkuState => ({
  now: 0,
  config: null,
  offers: [],
  initial: 0,
  restocked: 0,
  available: 0,
  held: 0,
  sold: 0,
  soldAndGone: 0,
  soldAndArchived: 0,
  holds: new TextMap(),
  buyers: new TextMap(),
  restocks: new Map(),
  due: new DueHeap(),
  claims: new DueHeap(),
  leaving: [],
  left: 0,
  archive: new Archive(read),
  epoch: 0,
  witness: null,
});

export const isLive = ({ state }: Pick<Hold, "state">): boolean => state === "held" || state === "claimed";
