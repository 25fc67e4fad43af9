import type { Order, Payment } from "../../schema/order.ts";
import type { PaymentProvider, Purchase } from "../../worker/providers/port.ts";
import { payment, pending, placement } from "../fixtures/orders.ts";

/** Bytes and headers as a provider would send them. */
export interface Letter {
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a letter says, and how it is written; everything defaulted, so that what is set matters. */
export interface LetterFacts {
  readonly event?: string;
  readonly payment?: Payment;
  readonly order?: string;
  readonly signedAt?: number;
  readonly secret?: string;
}

export type LetterType = "succeeded" | "failed" | "closed";

/** One provider behind its adapter, and the hands of everybody who is not us. */
export interface Provider {
  readonly adapter: PaymentProvider;
  /** A method that takes money at once, and one that takes it in two steps; null when the provider has none. */
  readonly oneStep: string | null;
  readonly twoStep: string | null;
  readonly approve: (payment: Payment) => Promise<void>;
  readonly decline: (payment: Payment) => Promise<void>;
  /** Whether a declined buyer is sent away, or may try again on the same page. */
  readonly afterDecline: "failed" | "open";
  /**
   * What is said about a payment that was never created: not found; or it is made now and given up at once (a repeated creation
   * is the only question that reaches one whose answer was lost); or it is still open, since it comes to be with its buyer.
   */
  readonly neverCreated: "not_found" | "made" | "open";
  /** Whether a closed page refuses its buyer, or only takes promises that nobody will ever turn into money. */
  readonly closes: boolean;
  /** What a provider does later by itself: a refund it has accepted comes to its end. */
  readonly settle: () => Promise<void>;
  /** The same adapter before a provider that cannot be reached, never answers, or says words we have never seen. */
  readonly unreachable: PaymentProvider;
  readonly silent: PaymentProvider;
  readonly neverSeen: PaymentProvider;
  /** Null for what this provider never says. */
  readonly letter: (type: LetterType, facts?: LetterFacts) => Promise<Letter | null>;
  /** A properly signed letter with these bytes. */
  readonly signed: (body: string) => Promise<Letter>;
  /** The same facts in other bytes; null where no other bytes mean the same. */
  readonly rewritten: (letter: Letter) => Letter | null;
  readonly otherSecret: string;
  /** None where the signature is a part of the body. */
  readonly signatureHeaders: readonly string[];
  /** How old a letter may be: the provider's own tries are no older. A replay within it is news that the order knows. */
  readonly freshMs: number;
  /** Whether a letter names the order beside the payment, so that the two can disagree. */
  readonly namesOrder: boolean;
}

const purchaseFor = ({ order, payBy }: Order): Purchase => ({ order, description: "1 x Red lamp", payBy });

/** The adapter where the cashier offers only this method, so that it is the default. */
export function offering(method: string, adapter: PaymentProvider): PaymentProvider {
  const by = (of: Payment): Payment => ({ ...of, method });
  return {
    ...adapter,
    create: (of, purchase) => adapter.create(by(of), purchase),
    query: (of, purchase) => adapter.query(by(of), purchase),
    close: (of, purchase) => adapter.close(by(of), purchase),
  };
}

/** An order of now, and its first payment before anybody has heard of it. */
export function fresh(method: string | null = null) {
  const now = Date.now();
  const order = pending(placement({ createdAt: now, payBy: now + 600_000 }));
  const of = payment(order, { method, state: "created", action: null, providerRef: null, createdAt: now });
  return { order, of, purchase: purchaseFor(order) };
}
