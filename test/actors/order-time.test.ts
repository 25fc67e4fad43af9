import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Report } from "../../schema/order.ts";
import { type LiveOrder, paid, pass, paying } from "../fixtures/order-actor.ts";
import { cny } from "../fixtures/orders.ts";

const MINUTE_MS = 60_000;
afterEach(() => void vi.useRealTimers());

/** A payment of it failed: pending again, with an actor. */
async function declined(): Promise<LiveOrder> {
  const order = await paying();
  const failed: Report = {
    type: "payment_failed",
    payment: order.payment(),
    failure: "declined",
    source: { via: "query" },
  };
  await order.api.report([failed]);
  return order;
}

describe("the time to pay", () => {
  test("ends a pending order by the alarm, which gives its units back; not a moment before", async () => {
    const order = await declined();
    pass(9 * MINUTE_MS);
    expect(await order.ring()).toBe(true);
    expect(await order.api.view()).toMatchObject({ state: "pending" });
    pass(MINUTE_MS);
    expect(await order.ring()).toBe(true);
    expect(await order.api.timeline()).toContainEqual(
      expect.objectContaining({ kind: "transition", type: "expired" }),
    );
    expect(order.asked).toEqual(["release_stock"]);
  });

  test("ends a pending order for whoever looks at it, however late the alarm is", async () => {
    const order = await declined();
    pass(10 * MINUTE_MS);
    expect(await order.api.view()).toMatchObject({ state: "expired", reason: "pay_by_passed", version: 4 });
    expect(order.asked).toEqual(["release_stock"]);
  });

  test("closes an open payment at its provider, and ends the order when the provider says so", async () => {
    const order = await paying();
    pass(10 * MINUTE_MS);
    await order.ring();
    expect(order.asked).toEqual(["close_payment"]);
    expect(await order.api.view()).toMatchObject({ state: "paying" });
    const closed: Report = { type: "payment_closed", payment: order.payment(), source: { via: "answer" } };
    const key = `close_payment:${order.payment()}`;
    expect(await order.api.report([closed], key)).toMatchObject({
      state: "expired",
      reason: "pay_by_passed",
    });
    expect(await order.outbox()).toEqual(["publish", "release_stock:1"]);
  });

  test("of an eviction is not forgotten: the alarm is there again when work is pending and it is not", async () => {
    const order = await paying();
    await order.sql("DELETE FROM outbox");
    const storage = await order.alarmAt();
    expect(storage).not.toBeNull();
    await order.disarm();
    expect(await order.alarmAt()).toBeNull();
    await evictDurableObject(order.stub);
    await order.api.view();
    expect(await order.alarmAt()).toBeLessThanOrEqual(Date.now() + 10_000);
  });
});

describe("work that a queue refused", () => {
  test("is kept, does not fail the caller, and is sent by a later alarm", async () => {
    const order = await paying();
    order.effects.isTaking = false;
    expect(await order.api.report([order.succeeded()])).toMatchObject({ state: "paid" });
    expect(order.asked).toEqual([]);
    expect(await order.outbox()).toContain("commit_stock:1");
    expect(await order.alarmAt()).toBeLessThanOrEqual(Date.now() + 5_000);
    pass(5_000);
    await order.ring();
    expect(order.asked).toEqual([]);
    order.effects.isTaking = true;
    pass(10_000);
    await order.ring();
    expect(order.asked).toEqual(["commit_stock"]);
    expect(order.effects.sent).toMatchObject([
      { v: 1, order: order.placement.order, key: "commit_stock:1", snapshot: { state: "paid", version: 3 } },
    ]);
  });

  test("does not keep the other queue waiting", async () => {
    const order = await paying();
    order.effects.isTaking = false;
    await order.api.report([order.succeeded()]);
    expect(order.changes.at(-1)).toMatchObject({ state: "paid", version: 3 });
  });

  test("survives an eviction", async () => {
    const order = await paying();
    order.effects.isTaking = false;
    await order.api.report([order.succeeded()]);
    await evictDurableObject(order.stub);
    await order.listen();
    order.effects.isTaking = true;
    pass(5_000);
    await order.ring();
    expect(order.asked).toEqual(["commit_stock"]);
  });
});

describe("work that is not reported done", () => {
  test("is sent again and again, ever more slowly, until it is", async () => {
    pass(0);
    const order = await paying();
    await order.api.report([order.succeeded()]);
    for (const [wait, sent] of [
      [4_999, 1],
      [1, 2],
      [9_999, 2],
      [1, 3],
      [20_000, 4],
    ] as const) {
      pass(wait);
      await order.ring();
      expect(order.asked.filter((type) => type === "commit_stock")).toHaveLength(sent);
    }
    await order.api.report([{ type: "stock_committed" }], "commit_stock:1");
    pass(MINUTE_MS);
    await order.ring();
    expect(order.asked.filter((type) => type === "commit_stock")).toHaveLength(4);
  });

  test("includes the copy in D1, until D1 has this version and no earlier one", async () => {
    const order = await paying();
    await order.api.report([order.succeeded()]);
    await order.api.report([{ type: "projected", version: 2 }]);
    expect(await order.outbox()).toContain("publish");
    pass(5_000);
    await order.ring();
    expect(order.changes.map(({ version }) => version)).toEqual([2, 3, 3]);
    await order.api.report([{ type: "projected", version: 3 }]);
    expect(await order.outbox()).not.toContain("publish");
  });

  test("is not done by an answer that says nothing: money is promised until it is back", async () => {
    const order = await paid();
    const refunded = await order.api.refund({
      amount: null,
      reason: "broken",
      by: "sta_ann",
      key: "r",
      fingerprint: "f",
    });
    if (!refunded.ok) throw new Error(refunded.error.code);
    const { id } = refunded.value.refund;
    const source = { via: "answer" } as const;
    await order.api.report(
      [{ type: "refund_unknown", refund: id, cause: "timeout", source }],
      `refund_payment:${id}`,
    );
    expect(await order.outbox()).toContain(`refund_payment:${id}`);
    const back = await order.api.report(
      [{ type: "refund_succeeded", refund: id, source }],
      `refund_payment:${id}`,
    );
    expect(back).toMatchObject({ state: "refunded", reason: "broken", refunds: [{ amount: cny(100) }] });
    expect(await order.outbox()).toEqual(["publish"]);
  });

  test("is not sent at once in answer to its own answer", async () => {
    const order = await paying();
    const { amount } = order.placement;
    const payment = order.payment();
    const key = `capture_payment:${payment}`;
    const source = { via: "answer" } as const;
    const authorized: Report = { type: "payment_authorized", payment, providerRef: "bnk_1", amount, source };
    await order.api.report([authorized]);
    await order.api.report([{ type: "stock_committed" }], "commit_stock:1");
    for (let times = 0; times < 5; times++) await order.api.report([authorized], key);
    expect(order.asked).toEqual(["commit_stock", "capture_payment"]);
    expect(await order.outbox()).toContain(key);
    await order.api.report([order.succeeded()], key);
    expect(await order.outbox()).toEqual(["publish"]);
  });
});

describe("word that work was done, when nobody can see a difference", () => {
  const committed = (order: LiveOrder) => order.api.report([{ type: "stock_committed" }], "commit_stock:1");
  const projected = (order: LiveOrder) => order.api.report([{ type: "projected", version: 3 }]);
  const soldLamp = async (): Promise<LiveOrder> => {
    const order = await paying();
    await order.api.report([order.succeeded()]);
    return order;
  };

  test("waits for the last of it, counts at once, and is written with the end of the alarm", async () => {
    const order = await soldLamp();
    expect(await committed(order)).toMatchObject({ state: "paid", stock: "committed" });
    expect(await order.outbox()).toEqual(["commit_stock:1", "publish"]);
    expect(await order.api.view()).toMatchObject({ stock: "committed", version: 3 });
    await projected(order);
    expect(await order.outbox()).toEqual([]);
    expect(await order.alarmAt()).toBeNull();
  });

  test("is written by the alarm when the rest does not come, and its work is not done again", async () => {
    const order = await soldLamp();
    await committed(order);
    pass(5_000);
    await order.ring();
    expect(await order.outbox()).toEqual(["publish"]);
    expect(order.asked).toEqual(["commit_stock"]);
  });

  test("is in the history of whoever reads it", async () => {
    const order = await soldLamp();
    await committed(order);
    expect((await order.api.timeline()).map(({ type }) => type)).toContain("stock_committed");
  });

  test("is lost with the object's memory, asked for again, and written at once when the alarm is far", async () => {
    const order = await soldLamp();
    await committed(order);
    await evictDurableObject(order.stub);
    await order.listen();
    pass(5_000);
    await order.ring();
    expect(order.asked.filter((type) => type === "commit_stock")).toHaveLength(2);
    await committed(order);
    expect(await order.outbox()).toEqual(["publish"]);
  });
});

test("an order is paid within a minute with every callback lost: it asks after 10, 20 and 30 seconds", async () => {
  const order = await paying();
  for (const asks of [1, 2, 3]) {
    pass(10_000);
    await order.ring();
    const unknown: Report = {
      type: "payment_unknown",
      payment: order.payment(),
      cause: "timeout",
      source: { via: "query" },
    };
    await order.api.report([unknown], `query_payment:${order.payment()}`);
    expect(order.asked).toEqual(Array.from({ length: asks }, () => "query_payment"));
  }
  expect(await order.api.report([order.succeeded()])).toMatchObject({ state: "paid" });
});

test("people who want to know now are heard once in two seconds", async () => {
  const order = await paying();
  for (let times = 0; times < 10; times++) await order.api.report([{ type: "query_requested", by: "buyer" }]);
  expect(order.asked).toEqual(["query_payment"]);
  pass(2_000);
  await order.api.report([{ type: "query_requested", by: "buyer" }]);
  expect(order.asked).toEqual(["query_payment", "query_payment"]);
});

test("an alarm that cannot do its work tries again, and not at once", async () => {
  const order = await paying();
  await order.sql(
    "CREATE TRIGGER break_row BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'broken'); END",
  );
  pass(10_000);
  expect(await order.ring()).toBe(true);
  expect(await order.alarmAt()).toBeGreaterThanOrEqual(Date.now() + 29_000);
  await order.sql("DROP TRIGGER break_row");
  pass(30_000);
  await order.ring();
  expect(order.asked).toEqual(["query_payment"]);
});

test("a slow provider's hundreds of questions do not fill the history, and what matters is still written", async () => {
  const order = await paying();
  const payment = order.payment();
  const unknown: Report = { type: "payment_unknown", payment, cause: "timeout", source: { via: "query" } };
  for (let times = 0; times < 20; times++) await order.api.report(Array.from({ length: 100 }, () => unknown));
  for (let times = 0; times < 400; times++) {
    pass(2_000);
    await order.api.report([{ type: "query_requested", by: "buyer" }]);
  }
  await order.api.report([order.succeeded()]);
  const entries = await order.api.timeline();
  expect(entries.length).toBeLessThan(320);
  expect(entries.slice(-3).map(({ kind, type }) => [kind, type])).toEqual([
    ["report", "payment_succeeded"],
    ["transition", "paid"],
    ["effect", "commit_stock"],
  ]);
});
