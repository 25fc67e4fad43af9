import { describe, expect, test } from "vitest";
import { decide, finish, start } from "../../durable-objects/order/machine.ts";
import { requestRefund } from "../../durable-objects/order/refunds.ts";
import { paymentIdOf } from "../../schema/ids.ts";
import type { Order, Report } from "../../schema/order.ts";
import { cny, PLACED_AT, reports, situations, startRequest } from "../fixtures/orders.ts";

test("a refund that its provider speaks of by itself is asked for no more", () => {
  const refunding = situations.refunding();
  const { refundSucceeded, refundFailed } = reports(refunding);
  const [back] = refunding.refunds;
  for (const news of [refundSucceeded, refundFailed])
    expect(decide(refunding, news, PLACED_AT).withdrawn).toEqual([`refund_payment:${back?.id}`]);
  expect(decide(refunding, reports(refunding).tick, PLACED_AT).withdrawn ?? []).toEqual([]);
});

test("a second success is refunded in full and leaves the order paid", () => {
  const first = situations.paid();
  const second = {
    ...(first.payments[0] as Order["payments"][number]),
    id: paymentIdOf(first.order, 2),
    state: "cancelled" as const,
  };
  const order = { ...first, payments: [...first.payments, second] };
  const report: Report = {
    type: "payment_succeeded",
    payment: second.id,
    providerRef: "bnk_2",
    amount: cny(100),
    source: { via: "query" },
  };
  const { order: after, effects } = decide(order, report, PLACED_AT);
  expect(after).toMatchObject({
    state: "paid",
    refunds: [{ payment: second.id, amount: cny(100), reason: "duplicate_payment" }],
  });
  expect(effects).toEqual([{ type: "refund_payment", refund: after.refunds[0]?.id }]);
  expect(decide(after, report, PLACED_AT).effects).toEqual([]);
});

test("refunds never add up to more than was captured, whatever is still on its way", () => {
  const order = situations.paid();
  const first = requestRefund(order, { amount: cny(60), reason: "scratched" }, PLACED_AT);
  expect(first.ok).toBe(true);
  if (!first.ok) return;
  const after = finish(order, first.value, PLACED_AT).order;
  expect(requestRefund(after, { amount: cny(60), reason: "scratched" }, PLACED_AT)).toMatchObject({
    error: { code: "refund_exceeds_captured", refundable: cny(40) },
  });
  const failed = decide(after, reports(after).refundFailed, PLACED_AT).order;
  expect(requestRefund(failed, { amount: cny(100), reason: "all" }, PLACED_AT).ok).toBe(true);
  expect(requestRefund(situations.paying(), { amount: null, reason: "x" }, PLACED_AT)).toMatchObject({
    error: { code: "order_state" },
  });
});

describe("a refund that has failed", () => {
  const failedOf = (order: Order, id = order.refunds[0]?.id ?? "ref_") =>
    decide(order, { ...reports(order).refundFailed, refund: id }, PLACED_AT).order;

  test("is made again by staff: the same money of the same payment, under a number of its own", () => {
    const order = failedOf(situations.refunding());
    const [failed] = order.refunds;
    const again = { amount: null, reason: "staff", again: failed?.id ?? "ref_" } as const;
    const asked = requestRefund(order, again, PLACED_AT);
    if (!asked.ok) throw new Error(asked.error.code);
    const after = finish(order, asked.value, PLACED_AT).order;
    expect(after.refunds[1]).toMatchObject({
      state: "pending",
      amount: failed?.amount,
      payment: failed?.payment,
    });
    expect(after.refunds[1]?.id).not.toBe(failed?.id);
    expect(requestRefund(after, again, PLACED_AT)).toMatchObject({
      error: { code: "refund_exceeds_captured" },
    });
  });

  test("is not made again while it may still succeed, nor one that nobody asked for", () => {
    const order = situations.refunding();
    for (const again of [order.refunds[0]?.id ?? "ref_", "ref_never"] as const)
      expect(requestRefund(order, { amount: null, reason: "staff", again }, PLACED_AT)).toMatchObject({
        error: { code: "unknown_refund" },
      });
  });

  test("of money that came twice gives back that money, not the order's", () => {
    const one = situations.declined();
    const started = start(one, startRequest(one), PLACED_AT + 1_000);
    if (!started.ok) throw new Error(started.error.code);
    let order = started.value.order;
    for (const { id } of order.payments)
      order = decide(order, { ...reports(order).succeeded, payment: id }, PLACED_AT + 2_000).order;
    const surplus = order.refunds[0];
    const failed = failedOf(order);
    const again = { amount: null, reason: "staff", again: surplus?.id ?? "ref_" } as const;
    const asked = requestRefund(failed, again, PLACED_AT + 3_000);
    expect(asked.ok && asked.value.order.refunds[1]?.payment).toBe(surplus?.payment);
    expect(surplus?.payment).not.toBe(failed.paidBy);
  });
});
