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
/** News that is held back for later news to overtake it goes out after this long all the same. */
export const OVERTAKE_MS_MAX = 3_000;
/** A payment that was said to be closed succeeds this long after. */
export const LIE_MS = 1_000;
/** How long a merchant may take to answer a callback. */
export const CALLBACK_DEADLINE_MS = 5_000;
/** Tries of one callback; after the last the bank gives up, as real ones do. */
export const CALLBACK_ATTEMPTS_MAX = 40;
/** Pauses after the first tries; all later ones are as long as the last. */
const CALLBACK_PAUSES_MS = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

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
  /** In the order in which they happened. */
  readonly callbacks: readonly Callback[];
  /** The payment was said to be closed and will succeed: how long from now. Null on honest days. */
  readonly revivesInMs: number | null;
}

/** When a callback may go out, and whether it waits for later news of its payment to go first. */
export interface Slot {
  readonly dueAt: number;
  readonly heldBack: boolean;
}

export const openAccount = (
  id: string,
  request: BankCreate,
  behaviour: BankBehaviour,
  now: number,
): Account => {
  const { reference, order, amount, description, method, returnUrl, callbackUrl, expiresAt } = request;
  const refunded = { amount: 0, currency: amount.currency };
  return {
    id,
    reference,
    order,
    amount,
    description,
    method,
    state: "requires_action",
    refunded,
    returnUrl,
    expiresAt,
    createdAt: now,
    behaviour,
    callbackUrl,
  };
};

/** What the merchant hears of a change, on this payment's kind of day. */
function tell(
  account: Account,
  type: CallbackType,
  reference: Callback["reference"],
  amount: Money,
): Callback[] {
  const { callbacks, delayMs, amountDelta } = account.behaviour;
  if (callbacks === "none") return [];
  const said = { amount: amount.amount + amountDelta, currency: amount.currency };
  return [{ type, reference, amount: said, delayMs: callbacks === "delayed" ? delayMs : 0 }];
}

/**
 * On a reordered day news is held back until later news of the same payment has gone, unless some is held back
 * already: then this is that later news. The wait has an end, so that the last news of a payment is not lost.
 */
export function slotOf(
  { behaviour }: Account,
  { delayMs }: Callback,
  someHeldBack: boolean,
  now: number,
): Slot {
  if (behaviour.callbacks !== "reordered" || someHeldBack) return { dueAt: now + delayMs, heldBack: false };
  return { dueAt: now + OVERTAKE_MS_MAX, heldBack: true };
}

/** When a callback is sent again after so many tries, or null when the bank gives up. */
export function retryAt(tries: number, now: number): number | null {
  if (tries >= CALLBACK_ATTEMPTS_MAX) return null;
  return now + (CALLBACK_PAUSES_MS[tries - 1] ?? CALLBACK_PAUSES_MS.at(-1) ?? 0);
}

/** How many times each callback of this payment is delivered. */
export const deliveriesOf = ({ behaviour }: Account): number =>
  behaviour.callbacks === "duplicate" ? DUPLICATES : 1;

const become = (account: Account, callbacks: readonly Callback[]): Result<Change, BankRefusal> =>
  ok({ account, callbacks, revivesInMs: null });
const stay = (account: Account): Result<Change, BankRefusal> => become(account, []);
const wrongState = (): Result<Change, BankRefusal> => err({ code: "wrong_state" });

/** The buyer presses Approve: a transfer is taken at once, a card is authorized and taken when the merchant says so. */
export function approve(account: Account, now: number): Result<Change, BankRefusal> {
  if (account.state === "succeeded" || account.state === "authorized") return stay(account);
  if (account.state !== "requires_action" || now >= account.expiresAt) return wrongState();
  const state = account.method === "bank" ? "succeeded" : "authorized";
  const after: Account = { ...account, state };
  const news = tell(after, `payment.${state}`, after.reference, after.amount);
  if (account.behaviour.callbacks !== "reordered") return become(after, news);
  // A first try was declined before this one was taken: older news, for the newer to overtake.
  return become(after, [...tell(after, "payment.failed", after.reference, after.amount), ...news]);
}

export function decline(account: Account): Result<Change, BankRefusal> {
  if (account.state === "failed") return stay(account);
  if (account.state !== "requires_action") return wrongState();
  const after: Account = { ...account, state: "failed" };
  return become(after, tell(after, "payment.failed", after.reference, after.amount));
}

/** Nobody can pay any more, unless somebody has: then the payment is answered as it is. */
export function close(account: Account): Result<Change, BankRefusal> {
  if (account.state !== "requires_action" && account.state !== "authorized") return stay(account);
  const after: Account = { ...account, state: "closed" };
  // On a lying day the merchant hears the success that follows, and not that it was closed.
  if (account.behaviour.close === "lies_closed_then_succeeds")
    return ok({ account: after, callbacks: [], revivesInMs: LIE_MS });
  return become(after, tell(after, "payment.closed", after.reference, after.amount));
}

/** What follows a lie: the payment that was said to be closed succeeds all the same. */
export const revive = (account: Account): Result<Change, BankRefusal> =>
  account.state === "closed" ? succeed(account) : stay(account);

function succeed(account: Account): Result<Change, BankRefusal> {
  const after: Account = { ...account, state: "succeeded" };
  return become(after, tell(after, "payment.succeeded", after.reference, after.amount));
}

export function capture(account: Account, amount: Money): Result<Change, BankRefusal> {
  if (account.state === "succeeded") return stay(account);
  if (account.state !== "authorized") return wrongState();
  if (amount.currency !== account.amount.currency || amount.amount !== account.amount.amount)
    return err({ code: "amount_exceeded" });
  return succeed(account);
}

/** Money goes back: some, and never more than came. */
export function refund(account: Account, reference: RefundId, amount: Money): Result<Change, BankRefusal> {
  if (account.state !== "succeeded") return wrongState();
  const total = account.refunded.amount + amount.amount;
  const some = Number.isSafeInteger(amount.amount) && amount.amount > 0;
  if (!some || amount.currency !== account.amount.currency || total > account.amount.amount)
    return err({ code: "amount_exceeded" });
  const after: Account = { ...account, refunded: { amount: total, currency: amount.currency } };
  return become(after, tell(after, "refund.succeeded", reference, amount));
}

/** What the merchant may see of a payment: not what kind of day it has. */
export function shown(account: Account): BankPayment {
  const {
    id,
    reference,
    order,
    amount,
    description,
    method,
    state,
    refunded,
    returnUrl,
    expiresAt,
    createdAt,
  } = account;
  return {
    id,
    reference,
    order,
    amount,
    description,
    method,
    state,
    refunded,
    returnUrl,
    expiresAt,
    createdAt,
  };
}
