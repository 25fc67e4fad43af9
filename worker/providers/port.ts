import type { OrderId } from "../../schema/ids.ts";
import type { Money } from "../../schema/money.ts";
import type { Payment, PaymentAction, Refund, Report } from "../../schema/order.ts";
import type { Result } from "../../schema/result.ts";
import type { Unknown } from "./unknown.ts";

/**
 * What a provider can truthfully say about a payment. `unknown` is an answer: a timeout, a 5xx or a word we
 * have never seen is neither success nor failure, and whoever asked must ask again.
 */
export type PaymentOutcome =
  | { kind: "action_required"; providerRef: string; action: PaymentAction }
  /** The provider has it and waits for its buyer. */
  | { kind: "open"; providerRef: string }
  | { kind: "authorized"; providerRef: string; amount: Money }
  | { kind: "succeeded"; providerRef: string; amount: Money }
  | { kind: "failed"; failure: string }
  | { kind: "closed" }
  | { kind: "not_found" }
  | { kind: "unknown"; cause: string };

export type RefundOutcome =
  | { kind: "pending" }
  | { kind: "succeeded" }
  | { kind: "failed"; failure: string }
  | { kind: "not_found" }
  | { kind: "unknown"; cause: string };

/** A verified callback, in our words. Amounts are as the provider said them: the order compares. */
export interface Notice {
  /** The provider's id of the event: the same for each repetition. */
  readonly event: string;
  readonly order: OrderId;
  readonly report: Report;
}

export type NoticeRefusal =
  | { code: "invalid_signature"; detail: string }
  | { code: "invalid_request"; detail: string };

/** What a payment buys and until when, for the provider's page and its own clock. Of one payment it is always the same. */
export interface Purchase {
  readonly order: OrderId;
  /** For the buyer's eyes, like `1 x Red lamp`. */
  readonly description: string;
  /** Epoch ms. */
  readonly payBy: number;
}

/** What a buyer pays with and inside: the in-app browsers of two wallets pay without leaving them. */
export const DEVICES = ["phone", "desktop", "wechat", "alipay"] as const;
export type Device = (typeof DEVICES)[number];

/** One way to pay, and what its provider takes it for: null is everything. */
export interface Method {
  readonly name: string;
  readonly currencies: readonly string[] | null;
  readonly devices: readonly Device[] | null;
  /** What the provider must know of who pays; null, and rightly so, for most. */
  readonly payer: "address" | "openid" | null;
  /** New payments a second that the account takes; null when it takes all. Buyers above it wait in line. */
  readonly creationsPerSecond: number | null;
}

/** What may differ for one request: a bill is long, and worth a wait. */
export interface Patience {
  readonly answerBytesMax: number;
  readonly deadlineMs: number;
  /** Whether the provider takes the same request twice for one, so that it may be sent again. */
  readonly isRepeatable: (request: Request) => boolean;
}

/** How a request reaches a provider. Throws when no answer came in time or the circuit is open; an answer of any status is returned. */
export type Outbound = (request: Request, patience?: Patience) => Promise<Response>;

/** One line of a provider's bill, by our number. */
export interface BillRow {
  readonly kind: "payment" | "refund";
  readonly reference: string;
  readonly amount: Money;
}

/**
 * One account at one payment provider. Payments and refunds are as the order keeps them: their ids are ours, `providerRef` is the provider's
 * own and null while it has not told us. An adapter stores nothing, retries nothing and decides nothing; every call has a
 * deadline, and every call is safe to repeat with the same ids.
 */
export interface PaymentProvider {
  readonly name: string;
  /** Which of the merchant's accounts there this is. */
  readonly account: string;
  /** Ways to pay that the provider knows, the default first. The cashier's settings choose among them. */
  readonly methods: readonly Method[];
  create(payment: Payment, purchase: Purchase): Promise<PaymentOutcome>;
  /** What has become of it, and of one whose creation was never answered too: `action_required` tells where its buyer may go. */
  query(payment: Payment, purchase: Purchase): Promise<PaymentOutcome>;
  /** Asks that nobody can pay any more. `succeeded` when somebody already has. */
  close(payment: Payment, purchase: Purchase): Promise<PaymentOutcome>;
  /** Takes the money of an authorized payment, all of it. */
  capture(payment: Payment): Promise<PaymentOutcome>;
  /** Gives back a part of this payment, or the rest of it. */
  refund(refund: Refund, payment: Payment): Promise<RefundOutcome>;
  queryRefund(refund: Refund, payment: Payment): Promise<RefundOutcome>;
  /** Verifies a callback over its raw bytes and reads it; null when it is true and none of our business. `now` is epoch ms. */
  readNotice(
    headers: Headers,
    body: Uint8Array<ArrayBuffer>,
    now: number,
  ): Promise<Result<Notice | null, NoticeRefusal>>;
  /** What the provider says about a whole day, `2026-11-21`, on the day after. Absent where it has no bills. */
  bill?(day: string): Promise<BillRow[] | Unknown>;
  /** What this provider wants to hear when a callback was accepted. */
  acknowledge(): Response;
}
