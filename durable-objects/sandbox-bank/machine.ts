import type { BankBehaviour, BankCreate, BankPayment, BankRefusal } from "../../schema/actors.ts";
import type { PaymentId, RefundId } from "../../schema/ids.ts";
import type { Money } from "../../schema/money.ts";
import { err, ok, type Result } from "../../schema/result.ts";

/** A good day. */
export const NORMAL: BankBehaviour = {
  callbacks: "normal",
  delayMs: 0,
  amountDelta: 0,
  create: "normal",
  close: "normal",
  query: "normal",
};

/** How often a duplicated callback is sent. */
const DUPLICATES = 3;
/** A reordered callback of something that happened earlier comes this long after what happened later. */
const REORDERED_MS = 700;
/** A payment that was said to be closed succeeds this long after. */
export const LIE_MS = 1_000;

export type CallbackType =
  | "payment.authorized"
  | "payment.succeeded"
  | "payment.failed"
  | "payment.closed"
  | "refund.succeeded"
  | "refund.failed";

/** A payment as the bank keeps it: with the day it was created on. */
export interface Account extends BankPayment {
  readonly behaviour: BankBehaviour;
  readonly callbackUrl: string;
}

/** Something the merchant is told, and when. */
export interface Callback {
  readonly type: CallbackType;
  readonly reference: PaymentId | RefundId;
  readonly amount: Money;
  readonly delayMs: number;
}

export interface Change {
  readonly account: Account;
  readonly callbacks: readonly Callback[];
}

export const openAccount = (id: string, request: BankCreate, behaviour: BankBehaviour, now: number): Account => {
  const { reference, order, amount, description, method, returnUrl, callbackUrl, expiresAt } = request;
  const refunded = { amount: 0, currency: amount.currency };
  return {
    id, reference, order, amount, description, method, state: "requires_action", refunded,
    returnUrl, expiresAt, createdAt: now, behaviour, callbackUrl,
  };
};

/** What the merchant hears of a change, on this payment's kind of day. */
function tell(account: Account, type: CallbackType, reference: Callback["reference"], amount: Money): Callback[] {
  const { callbacks, delayMs, amountDelta } = account.behaviour;
  if (callbacks === "none") return [];
  const said = { amount: amount.amount + amountDelta, currency: amount.currency };
  const callback: Callback = { type, reference, amount: said, delayMs: callbacks === "delayed" ? delayMs : 0 };
  if (callbacks !== "reordered" || type !== "payment.succeeded") return [callback];
  // The buyer's first card was declined before the second was taken: the older news arrives after the newer.
  return [callback, { ...callback, type: "payment.failed", delayMs: REORDERED_MS }];
}

/** How many times each callback of this payment is delivered. */
export const deliveriesOf = ({ behaviour }: Account): number => (behaviour.callbacks === "duplicate" ? DUPLICATES : 1);

const stay = (account: Account): Result<Change, BankRefusal> => ok({ account, callbacks: [] });
const wrongState = (): Result<Change, BankRefusal> => err({ code: "wrong_state" });

/** The buyer presses Approve: a transfer is taken at once, a card is authorized and taken when the merchant says so. */
export function approve(account: Account, now: number): Result<Change, BankRefusal> {
  if (account.state === "succeeded" || account.state === "authorized") return stay(account);
  if (account.state !== "requires_action" || now >= account.expiresAt) return wrongState();
  if (account.method === "bank") return succeed(account);
  const after: Account = { ...account, state: "authorized" };
  return ok({ account: after, callbacks: tell(after, "payment.authorized", after.reference, after.amount) });
}

export function decline(account: Account): Result<Change, BankRefusal> {
  if (account.state === "failed") return stay(account);
  if (account.state !== "requires_action") return wrongState();
  const after: Account = { ...account, state: "failed" };
  return ok({ account: after, callbacks: tell(after, "payment.failed", after.reference, after.amount) });
}

/** Nobody can pay any more, unless somebody has: then the payment is answered as it is. */
export function close(account: Account): Result<Change, BankRefusal> {
  if (account.state !== "requires_action" && account.state !== "authorized") return stay(account);
  const after: Account = { ...account, state: "closed" };
  // On a lying day the merchant hears the success that follows, and not that it was closed.
  const silent = account.behaviour.close === "lies_closed_then_succeeds";
  return ok({ account: after, callbacks: silent ? [] : tell(after, "payment.closed", after.reference, after.amount) });
}

/** What follows a lie: the payment that was said to be closed succeeds all the same. */
export const revive = (account: Account): Result<Change, BankRefusal> =>
  account.state === "closed" ? succeed(account) : stay(account);

function succeed(account: Account): Result<Change, BankRefusal> {
  const after: Account = { ...account, state: "succeeded" };
  return ok({ account: after, callbacks: tell(after, "payment.succeeded", after.reference, after.amount) });
}

export function capture(account: Account, amount: Money): Result<Change, BankRefusal> {
  if (account.state === "succeeded") return stay(account);
  if (account.state !== "authorized") return wrongState();
  if (amount.currency !== account.amount.currency || amount.amount !== account.amount.amount) return err({ code: "amount_exceeded" });
  return succeed(account);
}

export function refund(account: Account, reference: RefundId, amount: Money): Result<Change, BankRefusal> {
  if (account.state !== "succeeded") return wrongState();
  const total = account.refunded.amount + amount.amount;
  if (amount.currency !== account.amount.currency || total > account.amount.amount) return err({ code: "amount_exceeded" });
  const after: Account = { ...account, refunded: { amount: total, currency: amount.currency } };
  return ok({ account: after, callbacks: tell(after, "refund.succeeded", reference, amount) });
}

/** What the merchant may see of a payment: not what kind of day it has. */
export function shown({ behaviour: _, callbackUrl: __, ...payment }: Account): BankPayment {
  return payment;
}
