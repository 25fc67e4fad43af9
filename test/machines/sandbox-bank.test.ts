import { describe, expect, test } from "vitest";
import {
  approve,
  CALLBACK_ATTEMPTS_MAX,
  capture,
  close,
  decline,
  deliveriesOf,
  LIE_MS,
  NORMAL,
  openAccount,
  OVERTAKE_MS_MAX,
  refund,
  retryAt,
  revive,
  shown,
  slotOf,
  type Account,
  type Change,
} from "../../durable-objects/sandbox-bank/machine.ts";
import type { BankBehaviour, BankRefusal } from "../../schema/actors.ts";
import { paymentIdOf, refundIdOf } from "../../schema/ids.ts";
import type { Result } from "../../schema/result.ts";
import { cny, PAY_BY, placement, PLACED_AT } from "../fixtures/orders.ts";

const { order } = placement();
const reference = paymentIdOf(order, 1);
const back = refundIdOf(order, 1);

function account(facts: Partial<Account> = {}, day: Partial<BankBehaviour> = {}): Account {
  const request = {
    reference,
    order,
    amount: cny(100),
    description: "1 x Red lamp",
    method: "bank",
    returnUrl: null,
    callbackUrl: "http://127.0.0.1/v1/webhooks/sandbox",
    expiresAt: PAY_BY,
  } as const;
  return { ...openAccount("bnk_1", request, { ...NORMAL, ...day }, PLACED_AT), ...facts };
}

function changed(result: Result<Change, BankRefusal>): Change {
  if (!result.ok) throw new Error(`refused: ${result.error.code}`);
  return result.value;
}

const soon = PLACED_AT + 1;
const steps = {
  approve: (of: Account) => approve(of, soon),
  "approve too late": (of: Account) => approve(of, PAY_BY),
  decline,
  close,
  capture: (of: Account) => capture(of, of.amount),
  "refund 40": (of: Account) => refund(of, back, cny(40)),
  revive,
};

/** A row per step and state that changes or refuses something. What is not here leaves everything as it is. */
const table = `
  method state            step              becomes     tells
  bank   requires_action  approve           succeeded   payment.succeeded
  card   requires_action  approve           authorized  payment.authorized
  bank   requires_action  decline           failed      payment.failed
  bank   requires_action  close             closed      payment.closed
  card   authorized       close             closed      payment.closed
  card   authorized       capture           succeeded   payment.succeeded
  bank   succeeded        refund_40         succeeded   refund.succeeded
  bank   closed           revive            succeeded   payment.succeeded
  bank   requires_action  approve_too_late  wrong_state
  bank   failed           approve           wrong_state
  bank   failed           approve_too_late  wrong_state
  bank   closed           approve           wrong_state
  bank   closed           approve_too_late  wrong_state
  card   authorized       decline           wrong_state
  bank   succeeded        decline           wrong_state
  bank   closed           decline           wrong_state
  bank   requires_action  capture           wrong_state
  bank   failed           capture           wrong_state
  bank   closed           capture           wrong_state
  bank   requires_action  refund_40         wrong_state
  card   authorized       refund_40         wrong_state
  bank   failed           refund_40         wrong_state
  bank   closed           refund_40         wrong_state
`;

interface Rule {
  readonly method: "bank" | "card";
  readonly state: Account["state"];
  readonly step: keyof typeof steps;
  readonly becomes: string;
  readonly tells: string[];
}

const rules: Rule[] = table
  .trim()
  .split("\n")
  .slice(1)
  .map((row) => {
    const [method, state, step, becomes, ...tells] = row.trim().split(/\s+/);
    return { method, state, step: step?.replaceAll("_", " "), becomes, tells } as Rule;
  });

test.for(rules)("$method $state + $step -> $becomes $tells", ({ method, state, step, becomes, tells }) => {
  const result = steps[step](account({ method, state }));
  if (!result.ok) {
    expect(result.error.code).toBe(becomes);
    return;
  }
  expect(result.value.account.state).toBe(becomes);
  expect(result.value.callbacks.map(({ type }) => type)).toEqual(tells);
});

test("every step that the table does not list changes nothing and tells nothing", () => {
  for (const method of ["bank", "card"] as const)
    for (const state of ["requires_action", "authorized", "succeeded", "failed", "closed"] as const)
      for (const [step, run] of Object.entries(steps)) {
        if (rules.some((rule) => rule.state === state && rule.step === step)) continue;
        const before = account({ method, state });
        const { account: after, callbacks, revivesInMs } = changed(run(before));
        expect(after, `${state} + ${step}`).toBe(before);
        expect([callbacks, revivesInMs]).toEqual([[], null]);
      }
});

describe("money", () => {
  const paid = account({ state: "succeeded" });

  test("refunds add up to what was captured and not to one more", () => {
    const first = changed(refund(paid, back, cny(60))).account;
    const second = changed(refund(first, refundIdOf(order, 2), cny(40))).account;
    expect(second.refunded).toEqual(cny(100));
    expect(refund(first, back, cny(41))).toEqual({ ok: false, error: { code: "amount_exceeded" } });
    expect(refund(second, back, cny(1))).toEqual({ ok: false, error: { code: "amount_exceeded" } });
  });

  test.for([0, -1, 0.5, Number.NaN, 2 ** 53])("a refund of %d is none", (amount) => {
    expect(refund(paid, back, cny(amount)).ok).toBe(false);
  });

  test("another currency is refused", () => {
    const dollars = { amount: 1, currency: "USD" };
    expect(refund(paid, back, dollars).ok).toBe(false);
    expect(capture(account({ method: "card", state: "authorized" }), { ...dollars, amount: 100 }).ok).toBe(
      false,
    );
  });

  test.for([99, 101])("%d of 100 is not captured", (amount) => {
    expect(capture(account({ method: "card", state: "authorized" }), cny(amount))).toEqual({
      ok: false,
      error: { code: "amount_exceeded" },
    });
  });

  test("only the callback is wrong about the amount", () => {
    const { account: after, callbacks } = changed(approve(account({}, { amountDelta: -1 }), soon));
    expect([after.amount, callbacks[0]?.amount]).toEqual([cny(100), cny(99)]);
  });
});

describe("a bad day", () => {
  test("without callbacks nothing is told", () => {
    expect(changed(approve(account({}, { callbacks: "none" }), soon)).callbacks).toEqual([]);
  });

  test("a delay is of delayed days only", () => {
    const delays = (["delayed", "normal"] as const).map(
      (callbacks) => changed(approve(account({}, { callbacks, delayMs: 70 }), soon)).callbacks[0]?.delayMs,
    );
    expect(delays).toEqual([70, 0]);
  });

  test("a duplicated callback is delivered three times", () => {
    expect(deliveriesOf(account({}, { callbacks: "duplicate" }))).toBe(3);
    expect(deliveriesOf(account())).toBe(1);
  });

  test("on a reordered day the declined first try is told of, and held back for the success to overtake it", () => {
    const of = account({}, { callbacks: "reordered" });
    const { callbacks } = changed(approve(of, soon));
    expect(callbacks.map(({ type }) => type)).toEqual(["payment.failed", "payment.succeeded"]);
    const [older, newer] = callbacks;
    if (!older || !newer) throw new Error("two callbacks");
    expect(slotOf(of, older, false, soon)).toEqual({ dueAt: soon + OVERTAKE_MS_MAX, heldBack: true });
    expect(slotOf(of, newer, true, soon)).toEqual({ dueAt: soon, heldBack: false });
    expect(slotOf(account(), newer, false, soon)).toEqual({ dueAt: soon, heldBack: false });
  });

  test.for(["requires_action", "authorized"] as const)(
    "a lie about closing what is %s comes out once",
    (state) => {
      const of = account({ state }, { close: "lies_closed_then_succeeds" });
      const lied = changed(close(of));
      expect([lied.account.state, lied.callbacks, lied.revivesInMs]).toEqual(["closed", [], LIE_MS]);
      expect(changed(close(lied.account)).revivesInMs).toBeNull();
      const revived = changed(revive(lied.account));
      expect([revived.account.state, revived.callbacks.length]).toEqual(["succeeded", 1]);
      expect(changed(revive(revived.account)).callbacks).toEqual([]);
    },
  );
});

test("a callback is tried again after 1, 2, 5, 10, 30 and then every 60 seconds, and not for ever", () => {
  const pauses = [1, 2, 3, 4, 5, 6, 7, CALLBACK_ATTEMPTS_MAX - 1].map((tries) => retryAt(tries, 0));
  expect(pauses).toEqual([1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 60_000, 60_000]);
  expect(retryAt(CALLBACK_ATTEMPTS_MAX, 0)).toBeNull();
});

test("the merchant sees the payment and not what kind of day it has", () => {
  expect(Object.keys(shown(account()))).not.toEqual(expect.arrayContaining(["behaviour"]));
  expect(shown(account())).not.toHaveProperty("callbackUrl");
});
