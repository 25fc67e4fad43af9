import { expect, test } from "vitest";
import { isEnded, keyOf } from "../../durable-objects/order/decision.ts";
import { decide, finish, start } from "../../durable-objects/order/machine.ts";
import { requestRefund } from "../../durable-objects/order/refunds.ts";
import { dueAt } from "../../durable-objects/order/time.ts";
import { paymentIdOf } from "../../schema/ids.ts";
import type { Order, Report } from "../../schema/order.ts";
import { cny, PAY_BY, PLACED_AT, reports, situations, startRequest } from "../fixtures/orders.ts";

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

/** Hears all of it; what it asks for is a set, since asking again for the same work is the same work. */
function hearAll(from: Order, schedule: readonly Report[], now: number): { order: Order; asked: string[] } {
  const asked = new Set<string>();
  let order = from;
  for (const report of schedule) {
    const decision = decide(order, report, now);
    for (const effect of decision.effects) asked.add(keyOf(effect));
    order = decision.order;
  }
  return { order, asked: [...asked].toSorted() };
}

/** What an order is in the end, without how it got there. */
const endOf = ({ state, reason, stock, take, paidBy, refunds, payments }: Order) => ({
  ...{ state, reason, stock, take, paidBy, refunds },
  payments: payments.map((one) => [one.id, one.state, one.askAt]),
});

test("callbacks in any order, any of them repeated, end in one state and ask for one set of effects", () => {
  const order = situations.creating();
  const { action, succeeded, failed, closed } = reports(order);
  const callbacks = [action, succeeded, failed, closed];
  const ends = new Set<string>();
  for (const repeated of [[], ...callbacks.map((one) => [one]), [succeeded, failed], [failed, closed]])
    for (const schedule of permutations([...callbacks, ...repeated])) {
      const { order: end, asked } = hearAll(order, schedule, PLACED_AT + 1_000);
      ends.add(JSON.stringify({ ...endOf(end), asked }));
    }
  expect([...ends].map((end) => JSON.parse(end) as unknown)).toMatchObject([
    { state: "paid", refunds: [], paidBy: paymentIdOf(order.order, 1), asked: ["commit_stock:1"] },
  ]);
});

test("a refund's success and failure end the same way whichever is heard first", () => {
  const order = situations.refunding();
  const { refundSucceeded, refundFailed } = reports(order);
  const ends = permutations([refundSucceeded, refundFailed, refundSucceeded, refundFailed]).map(
    (schedule) => {
      const { order: end, asked } = hearAll(order, schedule, PLACED_AT);
      return JSON.stringify({ ...endOf(end), asked });
    },
  );
  expect(new Set(ends).size).toBe(1);
  expect(ends[0]).toContain('"refunded"');
});

test("two providers that both take the money: one pays, the other gives it back, whichever is heard first", () => {
  const one = situations.declined();
  const started = start(one, startRequest(one), PLACED_AT + 1_000);
  if (!started.ok) throw new Error(started.error.code);
  const both = started.value.order;
  const news = both.payments.map(({ id }) => ({ ...reports(both).succeeded, payment: id }));
  for (const schedule of permutations([...news, ...news])) {
    const { order: end, asked } = hearAll(both, schedule, PLACED_AT + 2_000);
    expect(end).toMatchObject({
      state: "paid",
      refunds: [{ reason: "duplicate_payment", amount: cny(100) }],
    });
    expect(end.refunds[0]?.payment).not.toBe(end.paidBy);
    expect(asked.filter((key) => !key.startsWith("close_payment"))).toEqual([
      "commit_stock:1",
      `refund_payment:${end.refunds[0]?.id}`,
    ]);
  }
});

test("the money of an older payment pays, and the page of the newer one is closed until its provider says so", () => {
  const one = situations.declined();
  const started = start(one, startRequest(one), PLACED_AT + 1_000);
  if (!started.ok) throw new Error(started.error.code);
  const [, second] = started.value.order.payments;
  const { order, effects } = decide(started.value.order, reports(one).succeeded, PLACED_AT + 2_000);
  expect(order).toMatchObject({ state: "paid", paidBy: one.payments[0]?.id });
  expect(effects).toContainEqual({ type: "close_payment", payment: second?.id });
  const due = dueAt(order) ?? 0;
  expect(decide(order, { type: "clock_ticked" }, due).effects).toEqual([
    { type: "close_payment", payment: second?.id },
  ]);
});

test("an answer that never comes is a case once, and is still asked for", () => {
  let order = situations.paying();
  const asked: string[] = [];
  for (let at = dueAt(order); at !== null && at < PAY_BY + 3 * 3_600_000; at = dueAt(order)) {
    const decision = decide(order, { type: "clock_ticked" }, at);
    asked.push(...decision.effects.map(({ type }) => type));
    order = decision.order;
  }
  expect(asked.filter((type) => type === "open_case")).toHaveLength(1);
  expect(asked.slice(0, 4)).toEqual(["query_payment", "query_payment", "query_payment", "query_payment"]);
  expect(asked.at(-1)).toBe("close_payment");
  expect(asked.length).toBeGreaterThan(55);
});

test("an old answer that a provider has never heard of a payment does not undo its promise of money", () => {
  const order = situations.creating();
  const { notFound, authorized, committed, succeeded } = reports(order);
  const { order: end } = hearAll(
    order,
    [authorized, notFound, committed, notFound, succeeded],
    PLACED_AT + 10_000,
  );
  expect(end).toMatchObject({ state: "paid", stock: "committed" });
  expect(hearAll(order, [authorized, notFound], PAY_BY).order.state).toBe("paying");
});

test("an old answer that a provider has never heard of a payment does not take its page away: it is asked once more", () => {
  const order = situations.creating();
  const { action, notFound, open } = reports(order);
  const at = PLACED_AT + 5_000;
  const doubted = hearAll(order, [action, notFound], at).order;
  expect(doubted).toMatchObject({ state: "paying", payments: [{ state: "unknown" }] });
  expect(dueAt(doubted)).toBe(at + 2_000);
  expect(decide(doubted, { type: "clock_ticked" }, at + 2_000).effects).toMatchObject([
    { type: "query_payment" },
  ]);
  expect(decide(doubted, open, at + 3_000).order.payments[0]?.state).toBe("requires_action");
  expect(decide(doubted, notFound, at + 3_000).order.state).toBe("pending");
});

test("a callback about an earlier try does not undo a promise: the provider is asked, and its answer counts", () => {
  const order = situations.paying();
  const { authorized, failed } = reports(order);
  const source = { via: "callback", event: "evt_1", provider: "sandbox", account: "main" } as const;
  const overtaken: Report = { ...failed, source };
  const { order: promised, asked } = hearAll(order, [authorized, overtaken], PLACED_AT + 1_000);
  expect(promised).toMatchObject({ state: "paying", payments: [{ state: "authorized" }] });
  expect(asked).toContain(`query_payment:${promised.payments[0]?.id}`);
  const { order: declined } = hearAll(promised, [failed], PLACED_AT + 2_000);
  expect(declined).toMatchObject({ state: "pending", payments: [{ state: "failed" }] });
});

test("news of an earlier try does not end a payment that is being closed: its money may be promised by now", () => {
  const one = situations.declined();
  const started = start(one, startRequest(one), PLACED_AT + 1_000);
  if (!started.ok) throw new Error(started.error.code);
  const [first, second] = started.value.order.payments.map(({ id }) => id);
  if (!first || !second) throw new Error("there are two payments");
  const { succeeded, failed } = reports(started.value.order);
  const paid = decide(started.value.order, { ...succeeded, payment: first }, PLACED_AT + 2_000).order;
  const source = { via: "callback", event: "old", provider: "sandbox", account: "main" } as const;
  const heard = decide(paid, { ...failed, payment: second, source }, PLACED_AT + 3_000);
  expect(heard.order).toBe(paid);
  expect(heard.effects).toEqual([{ type: "close_payment", payment: second }]);
  const answered = decide(paid, { ...failed, payment: second, source: { via: "answer" } }, PLACED_AT + 4_000);
  expect(answered.order.payments[1]).toMatchObject({ state: "failed", askAt: null });
});

test("work that an order no longer wants is withdrawn", () => {
  const paying = situations.committed();
  const id = paying.payments[0]?.id;
  expect(decide(paying, reports(paying).succeeded, PLACED_AT).withdrawn).toContain(`capture_payment:${id}`);
  const authorized = situations.authorized();
  // It may have happened already: only its answer tells.
  expect(decide(authorized, reports(authorized).failed, PLACED_AT).withdrawn).not.toContain("commit_stock:1");
});

test("money is asked for until its provider has said what became of it; questions are ended by any answer", () => {
  const order = situations.committed();
  const id = paymentIdOf(order.order, 1);
  const { unknown, authorized, succeeded, refundUnknown, refundFailed } = reports(order);
  expect(isEnded(order, `capture_payment:${id}`, [unknown])).toBe(false);
  expect(isEnded(order, `capture_payment:${id}`, [authorized])).toBe(false);
  expect(isEnded(order, `capture_payment:${id}`, [succeeded])).toBe(true);
  expect(isEnded(order, `query_payment:${id}`, [unknown])).toBe(true);
  expect(isEnded(order, "refund_payment:x", [refundUnknown])).toBe(false);
  expect(isEnded(order, "refund_payment:x", [refundFailed])).toBe(true);
  // The clock asks again about live payments only: a dead one's page is closed by the outbox.
  expect(isEnded(order, `close_payment:${id}`, [unknown])).toBe(true);
  expect(isEnded(situations.declined(), `close_payment:${id}`, [unknown])).toBe(false);
});

test("units that are gone when a paid order's are to be sold give its money back, less what staff gave", () => {
  const order = situations.uncommitted();
  const asked = requestRefund(order, { amount: cny(30), reason: "scratched" }, PLACED_AT);
  if (!asked.ok) throw new Error(asked.error.code);
  const { order: after } = decide(
    finish(order, asked.value, PLACED_AT).order,
    reports(order).gone,
    PLACED_AT,
  );
  expect(after.refunds.map(({ amount, reason }) => [amount.amount, reason])).toEqual([
    [30, "scratched"],
    [70, "stock_lost"],
  ]);
});

test("late money withdraws the release it overtakes, and asks under a new take", () => {
  const order = situations.expired();
  const { order: after, withdrawn } = decide(order, reports(order).succeeded, PAY_BY + 1);
  expect(after.take).toBe(2);
  expect(withdrawn).toContain("release_stock:1");
  const gone = decide(after, { type: "stock_gone", take: 2 }, PAY_BY + 2).order;
  expect(gone).toMatchObject({ state: "expired", refunds: [{ reason: "late_payment" }] });
  const refunded = decide(gone, { ...reports(gone).refundSucceeded }, PAY_BY + 3).order;
  expect(refunded).toMatchObject({ state: "refunded", reason: "late_payment" });
});

test("a callback counts only from the account where the payment was made, and from elsewhere is a case", () => {
  const order = situations.paying();
  const { succeeded } = reports(order);
  const via = (provider: string, account: string): Report => ({
    ...succeeded,
    source: { via: "callback", event: "evt_1", provider, account },
  });
  for (const stranger of [via("moneybags", "main"), via("sandbox", "second")]) {
    const { order: end, effects } = decide(order, stranger, PLACED_AT + 1_000);
    expect(end).toBe(order);
    expect(effects).toMatchObject([{ type: "open_case", case: { kind: "wrong_account" } }]);
  }
  expect(decide(order, via("sandbox", "main"), PLACED_AT + 1_000).order.state).toBe("paid");

  const refunding = situations.refunding();
  const { refundSucceeded } = reports(refunding);
  const source = { via: "callback", event: "evt_1", provider: "sandbox", account: "second" } as const;
  const heard = decide(refunding, { ...refundSucceeded, source }, PLACED_AT);
  expect(heard.order).toBe(refunding);
  expect(heard.effects).toMatchObject([{ type: "open_case", case: { kind: "wrong_account" } }]);
});
