import type { BuyerId, OrderId, PaymentId, RefundId, SaleId, SkuId } from "./ids.ts";
import type { Money } from "./money.ts";
import type { Result } from "./result.ts";

/** One SKU of an order at the price it was placed at. `unitPrice x quantity` is the line's subtotal. */
export interface Line {
  readonly sku: SkuId;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: Money;
}

/** Everything an order is when it is placed. It lives in the home hold until something happens to the order. */
export interface Placement {
  readonly order: OrderId;
  readonly sale: SaleId;
  readonly buyer: BuyerId;
  /** In the order the buyer gave them; the first is the home line. */
  readonly lines: readonly Line[];
  readonly amount: Money;
  readonly createdAt: number;
  /** The stock is the buyer's until then, epoch ms. */
  readonly payBy: number;
}

export const ORDER_STATES = ["pending", "paying", "paid", "expired", "refunded"] as const;
export type OrderState = (typeof ORDER_STATES)[number];

/** One attempt to pay. `unknown`: the provider has not said, which is neither success nor failure. */
export const PAYMENT_STATES = [
  "created",
  "requires_action",
  "authorized",
  "succeeded",
  "failed",
  "cancelled",
  "unknown",
] as const;
export type PaymentState = (typeof PAYMENT_STATES)[number];

export const REFUND_STATES = ["pending", "succeeded", "failed"] as const;
export type RefundState = (typeof REFUND_STATES)[number];

/** What the buyer has to do next to pay. */
export type PaymentAction =
  | { type: "redirect"; url: string }
  | { type: "qr"; content: string }
  | { type: "client_secret"; clientSecret: string };

/** The account of this name is used where a sale names none. */
export const MAIN_ACCOUNT = "main";

/** Where money goes: one of the merchant's accounts at a provider. */
export interface Receiver {
  readonly provider: string;
  readonly account: string;
}

export interface Payment extends Receiver {
  readonly id: PaymentId;
  readonly method: string | null;
  readonly state: PaymentState;
  readonly amount: Money;
  /** When its provider is asked for it: at once, or, for a buyer who waits in line, later than it was started. */
  readonly createdAt: number;
  /** Its buyer was told to wait: the clock has it created. */
  readonly inLine: boolean;
  readonly returnUrl: string | null;
  /** What some ways to pay must know of who pays: their network address, or who they are at the provider. Null for all others. */
  readonly payer: string | null;
  /** Where the provider sends its callbacks: our own origin as the buyer saw it. */
  readonly callbackUrl: string;
  /** The provider's own id, once it has told us. */
  readonly providerRef: string | null;
  readonly action: PaymentAction | null;
  /** Why it failed, in the provider's words; null otherwise. */
  readonly failure: string | null;
  /** How often the provider was asked what became of it, and when to ask again (null: its fate is known). */
  readonly asks: number;
  readonly askAt: number | null;
}

export interface Refund {
  readonly id: RefundId;
  readonly payment: PaymentId;
  readonly state: RefundState;
  readonly amount: Money;
  /** `late_payment`, `duplicate_payment`, or what staff wrote. */
  readonly reason: string;
  readonly createdAt: number;
}

/** `retaking`: late money waits for the stock to be taken again. */
export type StockPhase = "held" | "committed" | "released" | "retaking";

/** An order as its actor keeps it. `expired` and `refunded` carry a reason, the others have none. */
export interface Order extends Placement {
  readonly state: OrderState;
  readonly reason: string | null;
  /** 1 when placed; every change that anyone can see raises it by one. */
  readonly version: number;
  readonly updatedAt: number;
  readonly payments: readonly Payment[];
  readonly refunds: readonly Refund[];
  /** The payment that pays for this order: the first to succeed. Any other success is surplus. */
  readonly paidBy: PaymentId | null;
  readonly stock: StockPhase;
  /** See `StockMove.take`. */
  readonly take: number;
}

/** An order nothing has happened to yet is fully known from its placement and the clock. */
export function unborn(placement: Placement, now: number): Order {
  const expired = now >= placement.payBy;
  return {
    ...placement,
    state: expired ? "expired" : "pending",
    reason: expired ? "pay_by_passed" : null,
    version: expired ? 2 : 1,
    updatedAt: expired ? placement.payBy : placement.createdAt,
    payments: [],
    refunds: [],
    paidBy: null,
    stock: expired ? "released" : "held",
    take: 1,
  };
}

/** What an order was placed as, without what has happened to it since. */
export const placementOf = ({
  order,
  sale,
  buyer,
  lines,
  amount,
  createdAt,
  payBy,
}: Placement): Placement => ({
  order,
  sale,
  buyer,
  lines,
  amount,
  createdAt,
  payBy,
});

/** What refunds have given back of the payment that pays for the order. Surplus money is not counted. */
export function refundedOf(order: Pick<Order, "refunds" | "paidBy" | "amount">): Money {
  let amount = 0;
  for (const refund of order.refunds)
    if (refund.state === "succeeded" && refund.payment === order.paidBy) amount += refund.amount.amount;
  return { amount, currency: order.amount.currency };
}

/** Where a provider's word came from: its callback, our question, or its answer to a call. */
export type Source = ({ via: "callback"; event: string } & Receiver) | { via: "query" } | { via: "answer" };

/**
 * Everything that reaches an order. Callbacks, answers of providers, stock, people and the clock are all
 * reports; repeating or reordering them must not change where the order ends.
 */
export type Report =
  | {
      type: "payment_action_required";
      payment: PaymentId;
      providerRef: string;
      action: PaymentAction;
      source: Source;
    }
  | { type: "payment_authorized"; payment: PaymentId; providerRef: string; amount: Money; source: Source }
  | { type: "payment_succeeded"; payment: PaymentId; providerRef: string; amount: Money; source: Source }
  | { type: "payment_failed"; payment: PaymentId; failure: string; source: Source }
  | { type: "payment_closed"; payment: PaymentId; source: Source }
  /** The provider has never heard of it. */
  | { type: "payment_not_found"; payment: PaymentId; source: Source }
  /** The provider waits for its buyer. */
  | { type: "payment_open"; payment: PaymentId; source: Source }
  | { type: "payment_unknown"; payment: PaymentId; cause: string; source: Source }
  | { type: "stock_committed" }
  /** `sold`: units of a line or more had been sold to the order by then, and stay so. */
  | { type: "stock_released"; take: number; sold: boolean }
  | { type: "stock_retaken"; take: number }
  | { type: "stock_gone"; take: number }
  | { type: "refund_succeeded"; refund: RefundId; source: Source }
  | { type: "refund_failed"; refund: RefundId; failure: string; source: Source }
  | { type: "refund_unknown"; refund: RefundId; cause: string; source: Source }
  /** D1 has this version. */
  | { type: "projected"; version: number }
  | { type: "case_opened"; case: string }
  /** Somebody wants to know now: the buyer came back from the bank, or staff asked. */
  | { type: "query_requested"; by: string }
  | { type: "clock_ticked" };

/** Everything that leaves an order: work for the consumers of the EFFECTS queue, repeated until it is reported. */
export type Effect =
  | { type: "commit_stock"; take: number }
  | { type: "release_stock"; take: number; reason: "cancelled" | "pay_by_passed" | "payment_lost" }
  | { type: "retake_stock"; take: number }
  | { type: "create_payment"; payment: PaymentId }
  | { type: "query_payment"; payment: PaymentId }
  | { type: "close_payment"; payment: PaymentId }
  | { type: "capture_payment"; payment: PaymentId }
  | { type: "refund_payment"; refund: RefundId }
  | { type: "open_case"; case: Case };

export type CaseKind =
  | "amount_mismatch"
  | "unknown_order"
  | "unknown_payment"
  | "wrong_account"
  | "bill_mismatch"
  | "dead_letter"
  | "refund_failed"
  | "fate_open"
  | "capture_failed"
  | "stock_lost"
  /** A commit broke a rule and was refused. */
  | "rule_broken"
  | "history_broken"
  | "read_model_differs";

/** An anomaly that people must see. Same id, same case: opening it twice is opening it once. */
export interface Case {
  readonly id: string;
  readonly kind: CaseKind;
  readonly order: OrderId | null;
  readonly payment: PaymentId | null;
  readonly detail: string;
  readonly openedAt: number;
}

export interface StartRequest extends Receiver {
  readonly placement: Placement;
  readonly method: string | null;
  readonly returnUrl: string | null;
  readonly payer: string | null;
  /** The buyer's turn, epoch ms; null when the provider lets everybody in. The time to pay is longer by the wait. */
  readonly createAt: number | null;
  readonly callbackUrl: string;
  readonly key: string;
  readonly fingerprint: string;
}

export type StartRefusal =
  | { code: "payment_in_progress"; payment: PaymentId }
  | { code: "order_expired" }
  | { code: "order_state"; state: OrderState }
  | { code: "idempotency_key_reused" };

/** `replayed`: this key started this payment before; the caller shows it, and creates it if it never was. */
export type StartAnswer = Result<{ order: Order; payment: Payment; replayed: boolean }, StartRefusal>;

export type CancelAnswer = Result<Order, { code: "order_state"; state: OrderState }>;

export interface RefundRequest {
  /** A refund that has failed and is to be made again: its payment and amount, whatever else is left. */
  readonly again?: RefundId;
  /** All that is left when null. */
  readonly amount: Money | null;
  readonly reason: string;
  readonly by: string;
  readonly key: string;
  readonly fingerprint: string;
}

export type RefundRefusal =
  | { code: "unknown_order" }
  | { code: "unknown_refund" }
  | { code: "order_state"; state: OrderState }
  | { code: "refund_exceeds_captured"; refundable: Money }
  | { code: "idempotency_key_reused" };

export type RefundAnswer = Result<{ order: Order; refund: Refund; replayed: boolean }, RefundRefusal>;

/** One thing that happened to an order, as staff read it. Entries of one order are ordered by `seq`. */
export interface TimelineEntry {
  readonly seq: number;
  readonly at: number;
  readonly kind: "report" | "transition" | "effect";
  readonly type: string;
  readonly detail: unknown;
}

/** An entry of an order's history as it stands on disk. `hash` is over `prev` and the other fields: see STORAGE.md. */
export interface HistoryLine extends Omit<TimelineEntry, "detail"> {
  /** JSON, as it was hashed. */
  readonly detail: string;
  readonly prev: string;
  readonly hash: string;
}
