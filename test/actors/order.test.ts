import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { Report } from "../../schema/order.ts";
import { isAnswered, LiveOrder, paid, paying } from "../fixtures/order-actor.ts";
import { cny, startRequest } from "../fixtures/orders.ts";

const refunding = (amount: number, key: string) => ({
  amount: cny(amount),
  reason: "scratched",
  by: "sta_ann",
  key,
  fingerprint: `f${amount}`,
});

describe("an order that nothing has happened to", () => {
  test("answers, and leaves nothing on disk, whatever it is told or asked in vain", async () => {
    const order = new LiveOrder();
    const late = { ...order.placement, payBy: order.placement.createdAt };
    expect(await order.api.view()).toBeNull();
    expect(await order.api.report([order.succeeded()], "query_payment:x")).toBeNull();
    expect(await order.api.timeline()).toEqual([]);
    expect(await order.api.refund(refunding(1, "r"))).toEqual({
      ok: false,
      error: { code: "unknown_order" },
    });
    expect(await order.api.start(startRequest(late))).toEqual({
      ok: false,
      error: { code: "order_expired" },
    });
    expect(await order.api.cancel(late)).toMatchObject({
      ok: false,
      error: { code: "order_state", state: "expired" },
    });
    expect(await order.tables()).toEqual([]);
    expect(await order.alarmAt()).toBeNull();
  });

  test("is born by a payment, and armed to ask about it", async () => {
    const order = await paying();
    expect(await order.api.view()).toMatchObject({
      state: "paying",
      version: 2,
      payments: [{ state: "created" }],
    });
    expect(await order.alarmAt()).toBeLessThanOrEqual(Date.now() + 10_000);
    expect(order.changes).toMatchObject([{ state: "paying", version: 2 }]);
  });

  test("is born by a cancel, which may be repeated and is announced once", async () => {
    const order = new LiveOrder();
    await order.listen();
    for (let times = 0; times < 3; times++)
      expect(await order.api.cancel(order.placement)).toMatchObject({
        ok: true,
        value: { state: "expired", reason: "cancelled", version: 2 },
      });
    expect(order.asked).toEqual(["release_stock"]);
    expect(await order.api.start(startRequest(order.placement))).toMatchObject({
      error: { code: "order_expired" },
    });
  });

  test("stays unborn when its birth cannot be written, and can be born afterwards", async () => {
    const order = new LiveOrder();
    await order.listen();
    await order.sql(
      "CREATE TABLE keys (key TEXT PRIMARY KEY, fingerprint TEXT, subject TEXT CHECK (subject IS NULL))",
    );
    expect(await isAnswered(order.api.start(startRequest(order.placement)))).toBe(false);
    expect(await order.api.view()).toBeNull();
    expect(await order.alarmAt()).toBeNull();
    expect(order.effects.sent).toEqual([]);
    await order.sql("DROP TABLE keys");
    await order.start();
    expect(await order.alarmAt()).not.toBeNull();
  });
});

describe("a key", () => {
  test("starts one payment, shows it as it is now, and is refused with another request", async () => {
    const order = await paying();
    const request = startRequest(order.placement);
    await order.api.report([order.succeeded()]);
    expect(await order.api.start(request)).toMatchObject({
      ok: true,
      value: { replayed: true, payment: { id: order.payment(), state: "succeeded" } },
    });
    expect(await order.api.start({ ...request, fingerprint: "f2" })).toEqual({
      ok: false,
      error: { code: "idempotency_key_reused" },
    });
    expect(await order.api.start({ ...request, key: "k2" })).toMatchObject({
      error: { code: "order_state" },
    });
  });

  test("pressed ten times at once starts one payment; ten keys pressed at once start one too", async () => {
    const order = new LiveOrder();
    await order.listen();
    const request = startRequest(order.placement);
    const same = await Promise.all(Array.from({ length: 10 }, () => order.api.start(request)));
    expect(same.filter((answer) => answer.ok && !answer.value.replayed)).toHaveLength(1);
    const keys = Array.from({ length: 10 }, (_, n) => order.api.start({ ...request, key: `other-${n}` }));
    for (const answer of await Promise.all(keys))
      expect(answer).toEqual({ ok: false, error: { code: "payment_in_progress", payment: order.payment() } });
    expect((await order.api.view())?.payments).toHaveLength(1);
  });

  test("gives money back once, however often it is sent", async () => {
    const order = await paid();
    const first = await order.api.refund(refunding(60, "r"));
    expect(first).toMatchObject({ ok: true, value: { replayed: false, refund: { state: "pending" } } });
    expect(await order.api.refund(refunding(60, "r"))).toMatchObject({ ok: true, value: { replayed: true } });
    expect(await order.api.refund(refunding(40, "r"))).toMatchObject({
      error: { code: "idempotency_key_reused" },
    });
    expect((await order.api.view())?.refunds).toHaveLength(1);
  });
});

test("of two refunds of 60 asked for at once on 100, one is refused, two hundred times out of two hundred", async () => {
  const rounds = Array.from({ length: 200 }, async () => {
    const order = await paid();
    const answers = await Promise.all([
      order.api.refund(refunding(60, "a")),
      order.api.refund(refunding(60, "b")),
    ]);
    return answers.map((answer) => (answer.ok ? "accepted" : answer.error.code)).toSorted();
  });
  for (const answers of await Promise.all(rounds))
    expect(answers).toEqual(["accepted", "refund_exceeds_captured"]);
}, 60_000);

describe("what an order knows", () => {
  test.for(["evicted", "aborted"])("is kept when its object is %s", async (how) => {
    const order = await paid();
    await order.api.refund(refunding(60, "r"));
    const event: Report = order.succeeded({
      via: "callback",
      event: "evt_1",
      provider: "sandbox",
      account: "main",
    });
    await order.api.report([event]);
    const before = [
      await order.api.view(),
      await order.api.timeline(),
      await order.outbox(),
      await order.alarmAt(),
    ];
    if (how === "evicted") await evictDurableObject(order.stub);
    else await abortAllDurableObjects();
    expect([
      await order.api.view(),
      await order.api.timeline(),
      await order.outbox(),
      await order.alarmAt(),
    ]).toEqual(before);
    await order.listen();
    expect((await order.start()).state).toBe("succeeded");
    expect(await order.api.refund(refunding(60, "r"))).toMatchObject({ value: { replayed: true } });
    expect(await order.api.refund(refunding(60, "s"))).toMatchObject({ error: { refundable: cny(40) } });
    await order.api.report([event]);
    expect((await order.api.timeline()).filter(({ type }) => type === "repeated_event")).toHaveLength(1);
  });

  test("does not change when the commit fails, and the caller is not told that it had", async () => {
    const order = await paying();
    const before = [await order.api.view(), await order.api.timeline(), await order.outbox()];
    // A foreign key that is only looked at when the transaction ends: every statement succeeds, the commit does not.
    await order.sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)");
    await order.sql("CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)");
    await order.sql(
      "CREATE TRIGGER break_commit AFTER INSERT ON history BEGIN INSERT INTO child VALUES (1); END",
    );
    expect(await isAnswered(order.api.report([order.succeeded()]))).toBe(false);
    expect([await order.api.view(), await order.api.timeline(), await order.outbox()]).toEqual(before);
    await order.sql("DROP TRIGGER break_commit");
    await order.listen();
    expect(await order.api.report([order.succeeded()])).toMatchObject({ state: "paid", version: 3 });
  });

  test("does not change when a statement fails: of several reports none is heard, and its alarm stays", async () => {
    const order = await paying();
    const before = [await order.api.view(), await order.api.timeline(), await order.outbox()];
    await order.sql(
      "CREATE TRIGGER break_row BEFORE INSERT ON outbox WHEN NEW.key = 'commit_stock:1' BEGIN SELECT RAISE(ABORT, 'broken'); END",
    );
    const action: Report = { type: "payment_open", payment: order.payment(), source: { via: "query" } };
    expect(await isAnswered(order.api.report([action, order.succeeded()]))).toBe(false);
    expect([await order.api.view(), await order.api.timeline(), await order.outbox()]).toEqual(before);
    expect(await order.alarmAt()).not.toBeNull();
    await order.sql("DROP TRIGGER break_row");
    expect(await order.api.report([action, order.succeeded()])).toMatchObject({ state: "paid" });
    expect(order.asked).toEqual(["commit_stock"]);
  });
});

describe("an event of a provider", () => {
  test("heard fifty times has one effect, and two entries in the history", async () => {
    const order = await paying();
    const event: Report = order.succeeded({
      via: "callback",
      event: "evt_1",
      provider: "sandbox",
      account: "main",
    });
    for (let times = 0; times < 50; times++) await order.api.report([event]);
    expect(await order.api.view()).toMatchObject({ state: "paid", version: 3 });
    expect(order.asked).toEqual(["commit_stock"]);
    const heard = (await order.api.timeline())
      .filter(({ kind }) => kind === "report")
      .map(({ type }) => type);
    expect(heard).toEqual(["payment_started", "payment_succeeded", "repeated_event"]);
  });

  test("of another provider with the same number is news", async () => {
    const order = await paying();
    const callback = { via: "callback", event: "1", provider: "sandbox", account: "main" } as const;
    await order.api.report([
      { type: "payment_failed", payment: order.payment(), failure: "declined", source: callback },
    ]);
    await order.start("k2");
    expect(await order.api.report([order.succeeded(callback, 2)])).toMatchObject({
      state: "paid",
      paidBy: order.payment(2),
    });
  });
});

test("what staff read does not show the buyer's way to pay, and no queue carries it", async () => {
  const order = await paying();
  const action = { type: "redirect", url: "https://bank.example/secret" } as const;
  const payment = order.payment();
  await order.api.report([
    { type: "payment_action_required", payment, providerRef: "bnk_1", action, source: { via: "answer" } },
    order.succeeded(),
  ]);
  expect((await order.api.view())?.payments[0]?.action).toEqual(action);
  const told = [await order.api.timeline(), order.effects.sent, order.orderEvents.sent];
  expect(JSON.stringify(told)).not.toContain("secret");
});
