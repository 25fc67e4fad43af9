import type { BuyerId, OrderId, PaymentId, RefundId, SkuNumber } from "./ids.ts";
import type { Money } from "./money.ts";
import type {
  CancelAnswer,
  HistoryLine,
  Order,
  Placement,
  RefundAnswer,
  RefundRequest,
  Report,
  StartAnswer,
  StartRequest,
  TimelineEntry,
} from "./order.ts";
import type { Result } from "./result.ts";
import type { Offer, Sale, SaleState } from "./sale.ts";
import type { SoldOut } from "./sold-out.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  HoldAnswer,
  HoldRequest,
  HoldView,
  KeyAnswer,
  KeyRequest,
  MoveAnswer,
  Release,
  ReleaseReason,
  RestockAnswer,
  RestockRequest,
  SkuConfig,
  SkuView,
  StockMove,
  StockState,
} from "./sku.ts";
import type { Delivery, Endpoint, EndpointSettings, WebhookEvent } from "./webhook.ts";

/** What may be asked of the one writer of a SKU's stock. Every answer is durable before it is given. */
export interface SkuApi {
  /** Creates the SKU with `stock` units, or changes what it knows of its sale; `stock` counts only the first time. */
  configure(
    config: SkuConfig,
    stock: number,
  ): Promise<Result<SkuView, { code: "other_sku" | "other_sale" | "overloaded" }>>;
  hold(request: HoldRequest): Promise<HoldAnswer>;
  /** Up to a thousand holds in one call and one commit, decided in their order; an answer for each. See `hold-batch.ts`. */
  holdMany(batch: string): Promise<string>;
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** As many and as well; so are the next two. */
  claimMany(requests: readonly ClaimRequest[]): Promise<ClaimAnswer[]>;
  /** `held | claimed -> sold`. Of a released hold: `gone`. */
  commit(move: StockMove): Promise<MoveAnswer>;
  commitMany(moves: readonly StockMove[]): Promise<MoveAnswer[]>;
  /** `held | claimed -> released`; of an unknown hold a tombstone; of a newer take or a sold hold, nothing. */
  release(move: StockMove, reason: ReleaseReason): Promise<MoveAnswer>;
  releaseMany(releases: readonly Release[]): Promise<MoveAnswer[]>;
  /** Takes the stock again for late money: claimed until `until`, or `gone` when not enough is available. */
  retake(move: StockMove, until: number): Promise<MoveAnswer>;
  restock(request: RestockRequest): Promise<RestockAnswer>;
  bindKey(request: KeyRequest): Promise<KeyAnswer>;
  unbindKey(request: { buyer: BuyerId; key: string; order: OrderId }): Promise<void>;
  find(order: OrderId): Promise<HoldView | null>;
  /** What this buyer holds or owns here, oldest first. */
  holdsOf(buyer: BuyerId): Promise<HoldView[]>;
  view(): Promise<SkuView | null>;
  /** What others may say in this SKU's name for a moment; null when something is free, or when there is too much to know. */
  soldOut(): Promise<SoldOut | null>;
  /** D1 has the message about the journal rows after `after`, up to and including `through`. */
  published(after: number, through: number): Promise<void>;
  /** The journal after a row, as much as one answer takes; the last page is empty. */
  journal(after: number): Promise<JournalLine[]>;
}

/** What may be asked of the owner of one order's payment. */
export interface OrderApi {
  /** Null while nothing has happened that its home hold does not know. */
  view(): Promise<Order | null>;
  start(request: StartRequest): Promise<StartAnswer>;
  cancel(placement: Placement): Promise<CancelAnswer>;
  refund(request: RefundRequest): Promise<RefundAnswer>;
  /**
   * Hears reports in order and answers with the order afterwards; null when it was never born. `settles`
   * names the effect these reports answer, which is then no longer repeated.
   */
  report(reports: readonly Report[], settles?: string): Promise<Order | null>;
  timeline(): Promise<TimelineEntry[]>;
  /** Its history as it stands on disk after an entry, as much as one answer takes; the last page is empty. */
  history(after: number): Promise<HistoryLine[]>;
}

export interface GateOffer extends Offer {
  /** Gates that pool the requests for this SKU now. */
  readonly gates: number;
  readonly available: number;
  readonly held: number;
  readonly sold: number;
  readonly state: StockState;
  /** When the SKU said so, epoch ms. */
  readonly at: number;
}

export interface GateView {
  readonly sale: Sale;
  readonly state: SaleState;
  readonly serverTime: number;
  readonly offers: readonly GateOffer[];
}

/** What may be asked of a gate: it decides nothing, it shows a sale or pools the requests for a SKU. `fetch` upgrades to the live WebSocket. */
export interface GateApi {
  /** Of a pooling gate, which stands before one SKU and serves a part of its buyers: asks the SKU together with others. */
  hold(sku: SkuNumber, request: HoldRequest): Promise<HoldAnswer>;
  claim(sku: SkuNumber, request: ClaimRequest): Promise<ClaimAnswer>;
  configure(sale: Sale): Promise<Sale | null>;
  view(): Promise<GateView | null>;
  fetch(request: Request): Promise<Response>;
}

/** A commit of a SKU as it stands on disk. `hash` is over `prev`, `seq`, `at` and `body`: see STORAGE.md. */
export interface JournalLine {
  readonly seq: number;
  readonly at: number;
  readonly prev: string;
  readonly hash: string;
  readonly body: string;
}

/** One endpoint of a merchant. */
export interface WebhookApi {
  open(endpoint: Endpoint): Promise<void>;
  /** Null when there is no such endpoint, or no more. */
  change(settings: EndpointSettings): Promise<Endpoint | null>;
  /** A secret after that of this generation; asked for twice, also at once, it is one. Null as above. */
  rotate(generation: number): Promise<Endpoint | null>;
  /** Nothing is told any more, and nothing opens it again. */
  close(): Promise<void>;
  view(): Promise<Endpoint | null>;
  /** Of what it does not want to know, and knows already, it is not told. */
  tell(events: readonly WebhookEvent[]): Promise<void>;
  /** The newest first. @param below the `next` of the page before. */
  deliveries(max: number, below: number): Promise<{ deliveries: Delivery[]; next: number | null }>;
  /** False when there is no such delivery, or nobody to tell. */
  resend(id: string): Promise<boolean>;
}

/** The line before one receiving account at a provider. */
export interface TurnstileApi {
  /** When the caller's turn is, epoch ms, at so many a second; null when the line is too long. */
  enter(perSecond: number): Promise<number | null>;
}

/** Switches for a bad day at the sandbox bank. Applied to payments created afterwards. */
export interface BankBehaviour {
  readonly callbacks: "normal" | "none" | "duplicate" | "reordered" | "delayed";
  readonly delayMs: number;
  /** Added to the amount that callbacks speak of, minor units. */
  readonly amountDelta: number;
  readonly create: "normal" | "timeout_applied" | "timeout_lost" | "error";
  readonly close: "normal" | "lies_closed_then_succeeds" | "error";
  readonly query: "normal" | "error";
}

export type BankPaymentState = "requires_action" | "authorized" | "succeeded" | "failed" | "closed";

export interface BankPayment {
  /** The bank's own, unguessable id. */
  readonly id: string;
  readonly reference: PaymentId;
  readonly order: OrderId;
  readonly amount: Money;
  readonly description: string;
  /** `card` is authorized first and captured when the merchant says so; `bank` is captured at once. */
  readonly method: "bank" | "card";
  readonly state: BankPaymentState;
  readonly refunded: Money;
  readonly returnUrl: string | null;
  readonly expiresAt: number;
  readonly createdAt: number;
}

export interface BankCreate {
  readonly reference: PaymentId;
  readonly order: OrderId;
  readonly amount: Money;
  readonly description: string;
  readonly method: "bank" | "card";
  readonly returnUrl: string | null;
  readonly callbackUrl: string;
  readonly expiresAt: number;
}

/** The bank's words for what went wrong; a throw is its 5xx. */
export type BankRefusal = { code: "not_found" | "wrong_state" | "amount_exceeded" };

/** The interface of the sandbox bank: what a provider's HTTP API would be, with a truth of its own. */
export interface BankApi {
  createPayment(request: BankCreate): Promise<BankPayment>;
  readPayment(id: string): Promise<BankPayment | null>;
  queryPayment(reference: PaymentId): Promise<BankPayment | null>;
  closePayment(reference: PaymentId): Promise<Result<BankPayment, BankRefusal>>;
  capturePayment(reference: PaymentId, amount: Money): Promise<Result<BankPayment, BankRefusal>>;
  refundPayment(request: {
    reference: RefundId;
    payment: PaymentId;
    amount: Money;
  }): Promise<Result<{ state: "pending" | "succeeded" | "failed" }, BankRefusal>>;
  queryRefund(reference: RefundId): Promise<{ state: "pending" | "succeeded" | "failed" } | null>;
  /** What the buyer presses on the bank's page. Repeating it is harmless. */
  approve(id: string): Promise<Result<BankPayment, BankRefusal>>;
  decline(id: string): Promise<Result<BankPayment, BankRefusal>>;
  behave(behaviour: Partial<BankBehaviour>): Promise<BankBehaviour>;
  /** Every payment there is, by the bank's ids, after this one. */
  statement(after: string): Promise<BankPayment[]>;
}
