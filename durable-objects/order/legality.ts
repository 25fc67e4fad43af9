import { ORDINAL_MAX } from "../../schema/ids.ts";
import { sameMoney } from "../../schema/money.ts";
import {
  refundedOf,
  type Order,
  type OrderState,
  type PaymentState,
  type RefundState,
} from "../../schema/order.ts";
import { assert } from "../../schema/result.ts";
import { isLive } from "./decision.ts";
import { refundsWithin } from "./refunds.ts";

/** The whole graph on one screen. */
export const EDGES = {
  pending: ["paying", "paid", "expired"],
  paying: ["pending", "paid", "expired"],
  paid: ["refunded"],
  expired: ["paid", "refunded"],
  refunded: [],
} as const satisfies Record<OrderState, readonly OrderState[]>;

/** What nothing undoes: money that came, or went back. */
const FINAL: readonly (PaymentState | RefundState)[] = ["succeeded"];

/** Checked on every commit, in production too: an order that breaks a rule is not written. */
export function assertLegal(before: Order, after: Order): void {
  assertMoves(before, after);
  assertPayments(before, after);
  assertRefunds(before, after);
  assertStock(before, after);
}

/** It moves along its graph, one version at a time, and stays what it was placed as. */
function assertMoves(before: Order, after: Order): void {
  if (before.state !== after.state) {
    const next: readonly OrderState[] = EDGES[before.state];
    assert(next.includes(after.state), `there is no way from ${before.state} to ${after.state}`);
  }
  assert(
    after.version === before.version || after.version === before.version + 1,
    "versions count one by one",
  );
  assert(before.state === after.state || after.version > before.version, "another state is another version");
  // Nobody makes a copy of what never changes, so being the same is being the same object.
  assert(
    after.order === before.order &&
      after.sale === before.sale &&
      after.buyer === before.buyer &&
      after.lines === before.lines &&
      after.amount === before.amount &&
      after.createdAt === before.createdAt,
    "an order stays what it was placed as",
  );
  assert(after.payBy >= before.payBy, "nobody's time to pay is cut short");
  assert(after.updatedAt >= before.updatedAt, "nothing changes before it did");
  assert(
    (after.reason !== null) === (after.state === "expired" || after.state === "refunded"),
    "an end has a reason",
  );
}

function assertPayments(before: Order, after: Order): void {
  assert(after.payments.length <= ORDINAL_MAX, "ordinals of payments fit their ids");
  assert(after.payments.filter(isLive).length <= 1 || after.state !== "paying", "one live payment at a time");
  assert(
    after.state !== "pending" || !after.payments.some(isLive),
    "a pending order waits for nobody's money",
  );
  const payer = after.payments.find(({ id }) => id === after.paidBy);
  assert((payer?.state === "succeeded") === (after.paidBy !== null), "who pays for an order has succeeded");
  assert(!payer || sameMoney(payer.amount, after.amount), "an order is paid for with its amount");
  assert(after.state !== "paid" || payer !== undefined, "paid means somebody paid");
  assert(before.paidBy === null || before.paidBy === after.paidBy, "an order is paid for once");
  assert(isKept(before.payments, after.payments), "money that came stays come");
}

function assertRefunds(before: Order, after: Order): void {
  assert(after.refunds.length <= ORDINAL_MAX, "ordinals of refunds fit their ids");
  assert(
    after.refunds.every(({ amount }) => Number.isSafeInteger(amount.amount) && amount.amount > 0),
    "a refund is of a whole sum",
  );
  assert(refundsWithin(after), "refunds never exceed what was captured");
  assert(isKept(before.refunds, after.refunds), "money that went back stays there");
  assert(
    after.state !== "refunded" || sameMoney(refundedOf(after), after.amount),
    "refunded means all of it went back",
  );
}

function assertStock(before: Order, after: Order): void {
  assert(before.stock !== "committed" || after.stock === "committed", "what is sold stays sold");
  assert(after.take === before.take || after.take === before.take + 1, "takes count one by one");
  assert(
    after.state !== "paid" ||
      after.stock === "held" ||
      after.stock === "committed" ||
      after.refunds.length > 0,
    "paid means there is a unit, or the money is on its way back",
  );
}

interface Fate {
  readonly id: string;
  readonly state: PaymentState | RefundState;
}

/** Every one of them is still there, in its place, and what was final is what it was. */
const isKept = (before: readonly Fate[], after: readonly Fate[]): boolean =>
  before.every(({ id, state }, at) => {
    const now = after[at];
    return now?.id === id && (now.state === state || !FINAL.includes(state));
  });
