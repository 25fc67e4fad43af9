import type { BuyerId, OrderId, SaleId, SkuId } from "./ids.ts";
import type { Money } from "./money.ts";
import type { Line, Placement } from "./order.ts";
import type { Result } from "./result.ts";

/** What a SkuActor needs to know to decide alone: no look-up stands between a buyer and the stock. */
export interface SkuConfig {
  readonly sku: SkuId;
  readonly sale: SaleId;
  readonly name: string;
  readonly price: Money;
  readonly perBuyerMax: number;
  readonly holdMs: number;
  readonly opensAt: number;
  readonly closesAt: number;
}

/** `initial + restocked = available + held + sold`, at every version. `held` includes claimed. */
export interface Counters {
  readonly initial: number;
  readonly restocked: number;
  readonly available: number;
  readonly held: number;
  readonly sold: number;
}

export interface SkuView extends Counters {
  /** The number of the last journal row: every change of this SKU raises it. */
  readonly version: number;
  readonly config: SkuConfig;
  /** Every sale it has been offered in. */
  readonly sales: readonly SaleId[];
  /** More people ask than one object can take one by one. */
  readonly crowded: boolean;
}

/** `held_out`: nothing free now, but holds may still be released. */
export type StockState = "in_stock" | "low" | "held_out" | "sold_out";

/** Pages say "only a few left" from here on down: a tenth of what was ever for sale. */
const LOW_SHARE = 0.1;

export function stockStateOf({ initial, restocked, available, held }: Counters): StockState {
  if (available > 0) return available <= (initial + restocked) * LOW_SHARE ? "low" : "in_stock";
  return held > 0 ? "held_out" : "sold_out";
}

/** A hold's life. It ends once: sold, or released. */
export type HoldState = "held" | "claimed" | "sold" | "released";
export type ReleaseReason =
  | "expired"
  | "cancelled"
  | "pay_by_passed"
  | "refused"
  | "superseded"
  | "payment_lost";

export interface HoldRequest {
  readonly order: OrderId;
  readonly buyer: BuyerId;
  readonly sale: SaleId;
  readonly quantity: number;
  /**
   * Present on the home hold, the commit point of an order: the key the buyer sent, what it was sent with,
   * and the lines already held elsewhere. A hold without it is a part of an order whose home is elsewhere.
   */
  readonly home: {
    readonly key: string;
    readonly fingerprint: string;
    readonly others: readonly Line[];
    /** The earliest end of the holds already taken, epoch ms; null for an order of one line. */
    readonly othersHeldUntil: number | null;
  } | null;
}

export type HoldRefusal =
  | { code: "unknown_sku" }
  | { code: "sold_out"; held: number; available: number }
  | { code: "purchase_limit"; limit: number }
  | { code: "sale_not_open"; opensAt: number }
  | { code: "sale_closed" }
  /** The key was used with another body. */
  | { code: "idempotency_key_reused" }
  /** This order's hold here has ended: it cannot be taken again under the same id. */
  | { code: "released" }
  | { code: "overloaded" };

/** `replayed`: this very request had been answered before. */
export type Held =
  /** The home hold: the whole order. */
  | { readonly placement: Placement; readonly replayed: boolean }
  /** A line of an order whose home is elsewhere. */
  | { readonly placement: null; readonly line: Line; readonly heldUntil: number; readonly replayed: boolean };

export type HoldAnswer = Result<Held, HoldRefusal>;

/** A claim keeps a hold from expiring while its buyer pays. At `until` the SKU asks what became of it. */
export interface ClaimRequest {
  readonly order: OrderId;
  readonly until: number;
}

export interface HoldView {
  readonly order: OrderId;
  readonly buyer: BuyerId;
  readonly quantity: number;
  readonly state: HoldState;
  /** The end of a hold, or the deadline of a claim, epoch ms. */
  readonly until: number;
  readonly take: number;
  readonly placement: Placement | null;
}

export type ClaimAnswer = Result<HoldView, { code: "unknown_hold" | "released" | "sold" | "overloaded" }>;

/**
 * Names one taking of stock by an order. `take` is 1 for the hold an order began with and one more each
 * time late money takes the stock again, so that a delayed release of an earlier take does nothing.
 */
export interface StockMove {
  readonly order: OrderId;
  readonly take: number;
  /** Enough to act, and to leave a tombstone, when the hold itself has left memory. */
  readonly buyer: BuyerId;
  readonly quantity: number;
}

/** A move that gives units back, and why. */
export interface Release {
  readonly move: StockMove;
  readonly reason: ReleaseReason;
}

/** Commit, release and retake are safe to repeat; what a repeat finds done is `ok`. */
export type MoveAnswer = Result<HoldState, { code: "unknown_sku" | "gone" | "overloaded" }>;

export interface RestockRequest {
  readonly key: string;
  readonly fingerprint: string;
  /** Negative takes units away, and only what is available. */
  readonly delta: number;
  readonly reason: string;
}

export type RestockAnswer = Result<
  { view: SkuView; replayed: boolean },
  { code: "unknown_sku" | "insufficient_stock" | "idempotency_key_reused" | "overloaded" }
>;

/** A sale of several SKUs keeps each buyer's key at one of them, so that two orders can never share it. */
export interface KeyRequest {
  readonly buyer: BuyerId;
  readonly key: string;
  readonly fingerprint: string;
  readonly order: OrderId;
  /** The order this key was bound to until now and that is known to be dead. */
  readonly supersedes: OrderId | null;
}

/** `order` is the one the key is bound to now: ours when `boundAt` is this request's, else an earlier one. */
export type KeyAnswer = Result<
  { order: OrderId; boundAt: number },
  { code: "unknown_sku" | "idempotency_key_reused" | "overloaded" }
>;

/**
 * What an order was placed as, said as shortly as its home SKU can: the SKU's own line is the offer of that moment, by its
 * number among the configurations this SKU has had.
 */
export interface Placed {
  readonly offer: number;
  readonly others: readonly Line[];
  readonly createdAt: number;
  readonly payBy: number;
}

/**
 * What happened to a SKU, as its journal keeps it. A row of the journal is the list of events of one
 * commit; state is nothing but these applied in order.
 */
export type SkuEvent =
  | { type: "configured"; config: SkuConfig; initial: number }
  | {
      type: "held";
      order: OrderId;
      buyer: BuyerId;
      quantity: number;
      until: number;
      home: { key: string; fingerprint: string; offer: number; others: readonly Line[] } | null;
    }
  | { type: "claimed"; order: OrderId; until: number }
  | { type: "sold"; order: OrderId }
  /** `ended` is the order that died with its home hold, when nothing else had ever happened to it: D1 must hear. */
  | {
      type: "released";
      order: OrderId;
      reason: ReleaseReason;
      ended: (Placed & { readonly buyer: BuyerId; readonly quantity: number }) | null;
    }
  /** A release that found nothing of this take: a later hold, or a retake up to this take, is refused. */
  | { type: "tombstoned"; order: OrderId; buyer: BuyerId; quantity: number; take: number }
  | { type: "retaken"; order: OrderId; buyer: BuyerId; quantity: number; take: number; until: number }
  | { type: "restocked"; key: string; fingerprint: string; delta: number; reason: string }
  | { type: "bound"; buyer: BuyerId; key: string; fingerprint: string; order: OrderId }
  | { type: "unbound"; buyer: BuyerId; key: string; order: OrderId };

/** What rows of a SKU's journal tell of orders, in the journal's own words. */
export interface SkuRows {
  /** The configurations that they speak of, by their numbers in the journal. */
  readonly offers: readonly (readonly [number, SkuConfig])[];
  /** When, and which orders were placed or have ended then, each as `journal-text.ts` writes it. */
  readonly rows: readonly { readonly at: number; readonly news: readonly (readonly unknown[])[] }[];
}
