import { describe, expect, test } from "vitest";
import type { Effect, Order, Report } from "../../schema/order.ts";
import { err, ok } from "../../schema/result.ts";
import { consumeEffects } from "../../worker/consumers/effects.ts";
import { listCases } from "../../worker/read-models/cases.ts";
import { cny, pending, refund, reports, situations } from "../fixtures/orders.ts";
import { answerTo, BLUE, claimed, effectOf, perform, RED } from "./effects-world.ts";
import { bodies, D1_DOWN, deliverTo, FakeOrder, FakeSku, worldOf } from "./world.ts";

/** A bank that knows one payment, and counts what it is asked to do. */
function bankWith(state: string, amount = cny(100)) {
  const calls: string[] = [];
  const known = { id: "bnk_1", state, amount };
  const answering = (name: string, answer: unknown) => async (): Promise<unknown> => {
    calls.push(name);
    return answer;
  };
  return {
    calls,
    queryPayment: answering("query", known),
    closePayment: answering("close", ok(known)),
    capturePayment: answering("capture", ok({ ...known, state: "succeeded" })),
    queryRefund: answering("queryRefund", null),
    refundPayment: answering("refund", ok({ state: "succeeded" })),
  };
}

describe("money", () => {
  const order = situations.paying();
  const { payment } = reports(order).open;

  test("the provider is asked what became of a payment", async () => {
    const { heard } = await perform(order, [{ type: "query_payment", payment }], {
      bank: bankWith("succeeded"),
    });
    expect(heard).toEqual([answerTo("query_payment", reports(order).succeeded)]);
  });

  test("a close that finds the money paid says so", async () => {
    const { heard } = await perform(order, [{ type: "close_payment", payment }], {
      bank: bankWith("succeeded"),
    });
    expect(heard).toEqual([
      answerTo("close_payment", { ...reports(order).succeeded, source: { via: "answer" } }),
    ]);
  });

  test("a promised payment is captured", async () => {
    const { heard } = await perform(order, [{ type: "capture_payment", payment }], {
      bank: bankWith("authorized"),
    });
    expect(heard).toEqual([
      answerTo("capture_payment", { ...reports(order).succeeded, source: { via: "answer" } }),
    ]);
  });

  test("a bank that breaks down has said nothing, and the order hears that it does not know", async () => {
    const bank = { queryPayment: () => Promise.reject(new Error("502")) };
    const { ended, heard } = await perform(order, [{ type: "query_payment", payment }], { bank });
    expect(ended).toEqual(["acked"]);
    expect(heard).toEqual([answerTo("query_payment", { ...reports(order).unknown, cause: "502" })]);
  });

  test("a provider that is no longer offered becomes a case, and the order asks again later", async () => {
    const paying = situations.paying();
    const asked: Effect = { type: "query_payment", payment: reports(paying).open.payment };
    const { ended, heard, world } = await perform(paying, [asked, asked], { env: { PROVIDERS: "" } });
    expect(ended).toEqual(["acked", "acked"]);
    expect(heard).toEqual([]);
    const open = (await listCases(world.DB)).filter((one) => one.orderId === paying.order);
    expect(open.map(({ kind }) => kind)).toEqual(["fate_open"]);

    const down = await perform(paying, [asked], { env: { PROVIDERS: "", ...D1_DOWN } });
    expect(down.ended).toEqual([expect.any(Number)]);
  });
});

describe("a refund", () => {
  const order = situations.refunding();
  const { refund: wanted } = reports(order).refundSucceeded;
  const effect: Effect = { type: "refund_payment", refund: wanted };
  const done = answerTo("refund_payment", {
    type: "refund_succeeded",
    refund: wanted,
    source: { via: "answer" },
  });

  test("is sent when the provider has not heard of it", async () => {
    const bank = bankWith("succeeded");
    expect((await perform(order, [effect], { bank })).heard).toEqual([done]);
    expect(bank.calls).toEqual(["queryRefund", "refund"]);
  });

  test("whose answer was lost is asked about, not sent again", async () => {
    const bank = { ...bankWith("succeeded"), queryRefund: async () => ({ state: "succeeded" }) };
    expect((await perform(order, [effect], { bank })).heard).toEqual([done]);
    expect(bank.calls).toEqual([]);
  });

  test("that the bank still works on is not reported, so the order asks again", async () => {
    const working = async () => ok({ state: "pending" });
    const bank = {
      ...bankWith("succeeded"),
      queryRefund: async () => ({ state: "pending" }),
      refundPayment: working,
    };
    const { ended, heard } = await perform(order, [effect], { bank });
    expect(ended).toEqual(["acked"]);
    expect(heard).toEqual([]);
  });

  test("that the bank refuses has failed", async () => {
    const bank = { ...bankWith("succeeded"), refundPayment: async () => err({ code: "amount_exceeded" }) };
    const failed: Report = {
      type: "refund_failed",
      refund: wanted,
      failure: "amount_exceeded",
      source: { via: "answer" },
    };
    expect((await perform(order, [effect], { bank })).heard).toEqual([answerTo("refund_payment", failed)]);
  });

  test.each(["succeeded", "failed"] as const)(
    "that has %s since is settled without a word to the bank",
    async (state) => {
      const bank = bankWith("succeeded");
      const actor = new FakeOrder({ ...order, refunds: [refund(order, { state })] });
      const world = worldOf({ orders: { [order.order]: actor }, bank });
      await deliverTo(consumeEffects, world, bodies(effectOf(order, effect)));
      expect(actor.heard).toEqual([answerTo("refund_payment")]);
      expect(bank.calls).toEqual([]);
    },
  );
});

describe("a case", () => {
  const open = (order: Order): Effect => ({
    type: "open_case",
    case: {
      id: `fate_open:${order.order}`,
      kind: "fate_open",
      order: order.order,
      payment: null,
      detail: "an hour",
      openedAt: 9,
    },
  });

  test("is opened once, and the order hears that it is", async () => {
    const order = situations.paying();
    const { heard, world } = await perform(order, [open(order), open(order)], {});
    const told = answerTo("open_case", { type: "case_opened", case: `fate_open:${order.order}` });
    expect(heard).toEqual([told, told]);
    expect((await listCases(world.DB)).filter((one) => one.orderId === order.order)).toHaveLength(1);
  });

  test("waits while D1 is down, and other orders' work does not", async () => {
    const [order, other] = [situations.paying(), situations.uncommitted()];
    const [actor, another] = [new FakeOrder(order), new FakeOrder(other)];
    const orders = { [order.order]: actor, [other.order]: another };
    const world = worldOf({ orders, skus: { [RED]: claimed(other, new FakeSku(0)) } }, D1_DOWN);
    const letters = bodies(effectOf(order, open(order)), effectOf(other, { type: "commit_stock", take: 1 }));
    expect(await deliverTo(consumeEffects, world, letters)).toEqual([expect.any(Number), "acked"]);
    expect(actor.heard).toEqual([]);
    expect(another.heard).toHaveLength(1);
  });
});

test("one order's work is done one piece after the other, and orders beside each other", async () => {
  const [one, two] = [situations.uncommitted(), situations.uncommitted()];
  const trace: string[] = [];
  const slow = (name: string) => ({
    commitMany: async () => {
      trace.push(`${name} begins`);
      await scheduler.wait(20);
      trace.push(`${name} ends`);
      return [ok("sold")];
    },
  });
  const lineOf = (order: Order, sku: string): Order => ({
    ...order,
    lines: order.lines.map((line) => ({ ...line, sku })),
  });
  const commit: Effect = { type: "commit_stock", take: 1 };
  const world = worldOf({
    orders: { [one.order]: new FakeOrder(one), [two.order]: new FakeOrder(two) },
    skus: { [RED]: slow("red"), [BLUE]: slow("blue") },
  });
  const first = effectOf(lineOf(one, "lamp-red"), commit);
  await deliverTo(consumeEffects, world, bodies(first, first, effectOf(lineOf(two, "lamp-blue"), commit)));
  expect(trace.filter((entry) => entry.startsWith("red"))).toEqual([
    "red begins",
    "red ends",
    "red begins",
    "red ends",
  ]);
  expect(trace.indexOf("blue begins")).toBeLessThan(trace.indexOf("red ends"));
});

describe("bad work", () => {
  const order = situations.uncommitted();
  const good = effectOf(order, { type: "commit_stock", take: 1 });
  const bad: [string, unknown][] = [
    ["of a version to come", { ...good, v: 2 }],
    ["of a type to come", { ...good, type: "sku_effect" }],
    ["of an effect to come", effectOf(order, { type: "paint_lamp" } as unknown as Effect)],
    [
      "about a payment that is not there",
      effectOf(pending(), { type: "query_payment", payment: reports(order).open.payment }),
    ],
    ["that is null", null],
  ];
  test.each(bad)("%s comes back alone", async (_, body) => {
    const world = worldOf({
      orders: { [order.order]: new FakeOrder(order) },
      skus: { [RED]: claimed(order, new FakeSku(0)) },
    });
    expect(await deliverTo(consumeEffects, world, bodies(body, good))).toEqual([expect.any(Number), "acked"]);
  });
});

test("what an actor says of itself becomes a case, once", async () => {
  const raised = {
    id: "rule_broken:lamp-red:stock-is-conserved:2026-11-25",
    kind: "rule_broken",
    order: null,
    payment: null,
    detail: "a commit of lamp-red was refused",
    openedAt: 5_000,
  } as const;
  const message = { v: 1, type: "case_raised", case: raised };
  expect(await deliverTo(consumeEffects, worldOf({}), bodies(message, message))).toEqual(["acked", "acked"]);
  expect((await listCases(worldOf({}).DB)).filter(({ id }) => id === raised.id)).toMatchObject([
    { kind: "rule_broken", openedAt: 5_000, resolvedAt: null },
  ]);
  const [waits] = await deliverTo(consumeEffects, worldOf({}, D1_DOWN), bodies(message));
  expect(waits).not.toBe("acked");
});
