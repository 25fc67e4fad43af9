import { expect, test } from "vitest";
import { unborn } from "../../schema/order.ts";
import { eventsIn, eventsOf } from "../../worker/merchant/events.ts";
import { PAY_BY, placement, refund, situations } from "../fixtures/orders.ts";

const typesOf = (order: Parameters<typeof eventsOf>[0]) => eventsOf(order).map(({ type }) => type);

test("merchants hear of what has ended one way or the other, and of nothing that is under way", () => {
  expect(typesOf(situations.pending())).toEqual([]);
  expect(typesOf(situations.paying())).toEqual([]);
  expect(typesOf(situations.paid())).toEqual(["order.paid"]);
  expect(typesOf(situations.expired())).toEqual(["order.expired"]);
  expect(typesOf(situations.declined())).toEqual(["payment.failed"]);
});

test("a state that nobody saw is told all the same, and each refund by itself", () => {
  const paid = situations.paid();
  const back = { ...refund(paid), state: "succeeded" as const };
  const refunded = { ...paid, state: "refunded" as const, reason: "staff", refunds: [back], version: 9 };
  const events = eventsOf(refunded);
  expect(events.map(({ type }) => type)).toEqual(["order.paid", "order.refunded"]);
  for (const { body, version } of events) {
    expect(version).toBe(9);
    expect(JSON.parse(body)).toMatchObject({
      data: { version: 9, order: { id: paid.order, state: "refunded" } },
    });
  }
});

test("a fact has one name, however often and in whatever state its order is looked at", () => {
  const paid = situations.paid();
  const again = { ...paid, version: paid.version + 3, refunds: [refund(paid)] };
  expect(eventsOf(again).map(({ id }) => id)).toEqual(eventsOf(paid).map(({ id }) => id));
});

test("an order that ended before anything happened to it is told by its home SKU", () => {
  const gone = placement();
  const message = {
    v: 1 as const,
    type: "sku_changed" as const,
    sku: "00000000",
    placed: [gone],
    expired: [{ placement: gone, at: PAY_BY + 5 }],
    at: PAY_BY,
  };
  const [event, ...others] = eventsIn(message);
  expect(others).toEqual([]);
  expect(event).toMatchObject({ type: "order.expired", order: gone.order, version: 2 });
  expect(event?.id).toBe(eventsOf(unborn(gone, PAY_BY))[0]?.id);
});
