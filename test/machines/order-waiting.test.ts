import { describe, expect, test } from "vitest";
import { decide, start } from "../../durable-objects/order/machine.ts";
import { dueAt } from "../../durable-objects/order/time.ts";
import { paymentIdOf } from "../../schema/ids.ts";
import { PAY_BY, PLACED_AT, reports, situations, startRequest } from "../fixtures/orders.ts";

describe("a buyer who waits in line", () => {
  const TURN = PLACED_AT + 30_000;
  function waiting() {
    const order = situations.pending();
    const started = start(order, startRequest(order, { createAt: TURN }), PLACED_AT);
    if (!started.ok) throw new Error(started.error.code);
    return started.value.order;
  }

  test("loses no time to pay, and is asked for when their turn comes, once", () => {
    const order = waiting();
    expect(order.payBy).toBe(PAY_BY + 30_000);
    expect(dueAt(order)).toBe(TURN);
    expect(decide(order, { type: "clock_ticked" }, TURN - 1).effects).toEqual([]);
    expect(decide(order, { type: "query_requested", by: "buyer" }, TURN - 1).effects).toEqual([]);
    const { order: asked, effects } = decide(order, { type: "clock_ticked" }, TURN);
    const payment = paymentIdOf(order.order, 1);
    expect(effects).toEqual([{ type: "create_payment", payment }]);
    // After that it is like any other: asked about ten seconds later.
    expect(dueAt(asked)).toBe(TURN + 10_000);
    expect(decide(asked, { type: "clock_ticked" }, TURN + 10_000).effects).toEqual([
      { type: "query_payment", payment },
    ]);
  });

  test("is not given up for what a provider has not heard of yet", () => {
    const order = waiting();
    const unheard = reports(order).notFound;
    expect(decide(order, unheard, TURN + 1_000).order.state).toBe("paying");
    expect(decide(order, unheard, TURN + 9_000).order.state).toBe("pending");
  });

  test("is let in at once when their turn is now, or was", () => {
    const order = situations.pending();
    const started = start(order, startRequest(order, { createAt: PLACED_AT - 5 }), PLACED_AT);
    expect(started.ok && started.value.order.payments[0]).toMatchObject({
      inLine: false,
      createdAt: PLACED_AT,
    });
    expect(started.ok && started.value.order.payBy).toBe(PAY_BY);
  });
});
