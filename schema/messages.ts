import type { OrderId, SkuNumber } from "./ids.ts";
import type { Case, Effect, Order, Placement, Report } from "./order.ts";
import type { SkuRows, StockMove } from "./sku.ts";

/** What travels in queues. A consumer refuses a version it does not know, and the letter goes dead where people see it. */

/** PROVIDER_EVENTS: a verified callback. `order` is the one its reference names, known to us or not. */
export interface ProviderEventMessage {
  readonly v: 1;
  readonly provider: string;
  readonly event: string;
  readonly order: OrderId;
  readonly report: Report;
  readonly receivedAt: number;
}

/** EFFECTS: work that actors ask for. */
export type EffectMessage =
  | {
      readonly v: 1;
      readonly type: "order_effect";
      readonly order: OrderId;
      /** Names the work: repeated deliveries are the same work, and the answer settles it by this name. */
      readonly key: string;
      readonly effect: Effect;
      /** The order when it asked, so that the consumer need not ask back who the lines and payments are. */
      readonly snapshot: Order;
    }
  /** A claim outlived its deadline: ask the order what became of it, then move the stock accordingly. */
  | { readonly v: 1; readonly type: "claim_overdue"; readonly sku: SkuNumber; readonly move: StockMove }
  /** An actor has refused to store something, or cannot read what it has stored. */
  | { readonly v: 1; readonly type: "case_raised"; readonly case: Case };

/** ORDER_EVENTS: what the read model learns, from an order's own actor or, before there is one, from its home SKU. */
export type OrderEventMessage =
  | { readonly v: 1; readonly type: "order_changed"; readonly order: Order; readonly at: number }
  /**
   * What rows of a SKU's journal tell: the first one after `after`, the last one `through`. The SKU hears once D1 has them. Its
   * queue carries it as JSON in a text.
   */
  | ({
      readonly v: 1;
      readonly type: "sku_rows";
      readonly sku: SkuNumber;
      readonly after: number;
      readonly through: number;
      readonly at: number;
    } & SkuRows)
  /** The same in full, from the auditor, where D1 is to be told anew. Nobody hears of it. */
  | {
      readonly v: 1;
      readonly type: "sku_changed";
      readonly sku: SkuNumber;
      readonly placed: readonly Placement[];
      /** Orders whose home hold ended before anything happened to them, and when. */
      readonly expired: readonly { readonly placement: Placement; readonly at: number }[];
      readonly at: number;
    };

/** JSON bytes of one message; the platform's limit is 128,000 with its own metadata. */
export const MESSAGE_BYTES_MAX = 100_000;
/** Messages and JSON bytes of one `sendBatch`; the platform's limits are 100 and 256,000. */
export const SEND_MESSAGES_MAX = 100;
export const SEND_BYTES_MAX = 240_000;
