import { describe, expect, test } from "vitest";
import { orderIdOf } from "../../schema/ids.ts";
import type { EffectMessage } from "../../schema/messages.ts";
import type { Effect, Order } from "../../schema/order.ts";
import { ok } from "../../schema/result.ts";
import { consumeEffects } from "../../worker/consumers/effects.ts";
import { cny, pending, situations } from "../fixtures/orders.ts";
import { answerTo, BLUE, claimed, effectOf, perform, RED } from "./effects-world.ts";
import { bodies, deliverTo, FakeOrder, FakeSku, worldOf } from "./world.ts";

/** The same order, of a red lamp and a blue one. */
const ofTwo = (order: Order): Order => {
  const lines = ["lamp-red", "lamp-blue"].map((sku) => ({ sku, name: sku, quantity: 1, unitPrice: cny(50) }));
  return { ...order, lines };
};

describe("stock", () => {
  test("is committed and released at every SKU of the order", async () => {
    const order = ofTwo(situations.uncommitted());
    const skus = { [RED]: claimed(order, new FakeSku(0)), [BLUE]: claimed(order, new FakeSku(0)) };
    const { ended, heard } = await perform(order, [{ type: "commit_stock", take: 1 }], { skus });
    expect(ended).toEqual(["acked"]);
    expect(heard).toEqual([answerTo("commit_stock", { type: "stock_committed" })]);
    expect([...Object.values(skus)].map(({ holds }) => holds.get(order.order)?.state)).toEqual([
      "sold",
      "sold",
    ]);

    const other = ofTwo(situations.expired());
    const released = { [RED]: claimed(other, new FakeSku(0)), [BLUE]: claimed(other, new FakeSku(0)) };
    const after = await perform(other, [{ type: "release_stock", take: 1, reason: "cancelled" }], {
      skus: released,
    });
    expect(after.heard).toEqual([
      answerTo("release_stock", { type: "stock_released", take: 1, sold: false }),
    ]);
    expect(Object.values(released).map(({ available, calls }) => [available, calls])).toEqual([
      [1, ["release:1:cancelled"]],
      [1, ["release:1:cancelled"]],
    ]);
  });

  test("that is given back while it is being sold is all back, or the order hears that a part of it is sold", async () => {
    const order = ofTwo(situations.expired());
    const [red, blue] = [claimed(order, new FakeSku(0)), claimed(order, new FakeSku(0))];
    await red.commitMany([{ order: order.order, take: 1, buyer: order.buyer, quantity: 1 }]);
    const skus = { [RED]: red, [BLUE]: blue };
    const { heard } = await perform(order, [{ type: "release_stock", take: 1, reason: "pay_by_passed" }], {
      skus,
    });
    expect(heard).toEqual([answerTo("release_stock", { type: "stock_released", take: 1, sold: true })]);
    expect([red, blue].map(({ holds }) => holds.get(order.order)?.state)).toEqual(["sold", "released"]);
  });

  test("of many orders of one batch is asked of their SKU in one call, and each has its own answer", async () => {
    const sku = new FakeSku(0);
    const [kept, lost] = [situations.uncommitted(), situations.uncommitted()].map((order, n) => ({
      ...order,
      order: orderIdOf(RED, order.createdAt, new Uint8Array([0, 0, 0, 0, n])),
    }));
    if (!kept || !lost) throw new Error("there are two orders");
    const wrong = { ...kept, order: orderIdOf(RED, 1, new Uint8Array(5)) };
    const actors = [kept, lost, wrong].map((order) => new FakeOrder(order));
    claimed(kept, sku);
    const world = worldOf({
      orders: Object.fromEntries([kept, lost, wrong].map(({ order }, at) => [order, actors[at] ?? {}])),
      skus: { [RED]: sku },
    });
    const unsound = wrong.lines.map((line) => ({ ...line, quantity: 0.5 }));
    const ended = await deliverTo(
      consumeEffects,
      world,
      bodies(
        effectOf(kept, { type: "commit_stock", take: 1 }),
        effectOf({ ...wrong, lines: unsound }, { type: "release_stock", take: 1, reason: "cancelled" }),
        effectOf(lost, { type: "commit_stock", take: 1 }),
      ),
    );
    expect(sku.batches).toEqual([2]);
    expect(ended).toEqual(["acked", expect.any(Number), "acked"]);
    expect(
      actors.map(({ heard }) => heard.flatMap(({ reports }) => reports.map(({ type }) => type))),
    ).toEqual([["stock_committed"], ["stock_gone"], []]);
  });

  test("that is gone from one SKU is gone", async () => {
    const order = ofTwo(situations.uncommitted());
    const skus = { [RED]: new FakeSku(0), [BLUE]: claimed(order, new FakeSku(0)) };
    const { heard } = await perform(order, [{ type: "commit_stock", take: 1 }], { skus });
    expect(heard).toEqual([answerTo("commit_stock", { type: "stock_gone", take: 1 })]);
  });

  test("of a SKU that is overloaded is not reported: the work comes back", async () => {
    const order = situations.uncommitted();
    const sku = claimed(order, new FakeSku(0));
    sku.refusal = "overloaded";
    const { ended, heard } = await perform(order, [{ type: "commit_stock", take: 1 }], {
      skus: { [RED]: sku },
    });
    expect(ended).toEqual([expect.any(Number)]);
    expect(heard).toEqual([]);
  });

  test("is retaken whole, and repeating that takes no more", async () => {
    const order = ofTwo(situations.retaking());
    const skus = { [RED]: new FakeSku(1), [BLUE]: new FakeSku(1) };
    const again: Effect = { type: "retake_stock", take: 2 };
    const { heard } = await perform(order, [again, again], { skus });
    const retaken = answerTo("retake_stock", { type: "stock_retaken", take: 2 });
    expect(heard).toEqual([retaken, retaken]);
    expect([skus[RED]?.available, skus[BLUE]?.available]).toEqual([0, 0]);
  });

  test.each([
    ["red", 0, 1],
    ["blue", 1, 0],
  ])(
    "is not retaken in part when no %s one is left, and stays so when a unit comes free",
    async (_, red, blue) => {
      const order = ofTwo(situations.retaking());
      const [ofRed, ofBlue] = [new FakeSku(red), new FakeSku(blue)];
      const skus = { [RED]: ofRed, [BLUE]: ofBlue };
      const effect: Effect = { type: "retake_stock", take: 2 };
      const { heard } = await perform(order, [effect], { skus });
      const gone = answerTo(
        "retake_stock",
        { type: "stock_gone", take: 2 },
        { type: "stock_released", take: 2, sold: false },
      );
      expect(heard).toEqual([gone]);
      expect([ofRed.available, ofBlue.available]).toEqual([red, blue]);

      // The order was told that it gets nothing, and may have promised the money back.
      ofRed.available = 1;
      ofBlue.available = 1;
      expect((await perform(order, [effect], { skus })).heard).toEqual([gone]);
      expect([ofRed.available, ofBlue.available]).toEqual([1, 1]);
    },
  );

  test("is moved in the order of the SKUs' numbers, whatever the order of the lines", async () => {
    const trace: string[] = [];
    const tracing = (name: string) => ({
      commitMany: async () => {
        trace.push(name);
        return [ok("sold")];
      },
    });
    const skus = { [RED]: tracing(RED), [BLUE]: tracing(BLUE) };
    const order = ofTwo(situations.uncommitted());
    await perform(order, [{ type: "commit_stock", take: 1 }], { skus });
    await perform({ ...order, lines: order.lines.toReversed() }, [{ type: "commit_stock", take: 1 }], {
      skus,
    });
    const inOrder = RED < BLUE ? [RED, BLUE] : [BLUE, RED];
    expect(trace).toEqual([...inOrder, ...inOrder]);
  });

  test("a release that comes late does not touch what was retaken", async () => {
    const order = situations.retaking();
    const skus = { [RED]: new FakeSku(1) };
    await perform(
      order,
      [
        { type: "retake_stock", take: 2 },
        { type: "release_stock", take: 1, reason: "pay_by_passed" },
      ],
      { skus },
    );
    expect(skus[RED]?.holds.get(order.order)).toEqual({ state: "claimed", take: 2 });
  });
});

describe("a claim that outlived its deadline", () => {
  const overdue: [string, Order | null, string[]][] = [
    ["of an order that never began to pay is released as lost", null, ["release:1:payment_lost"]],
    ["of a paid order is committed", situations.uncommitted(), ["commit:1"]],
    ["of a paid order is committed again", situations.paid(), ["commit:1"]],
    ["of a refunded order whose units were sold is committed", situations.refunded(), ["commit:1"]],
    ["of an expired order is released", situations.expired(), ["release:1:pay_by_passed"]],
    [
      "of an order that released a later take is released up to it",
      { ...situations.expired(), take: 2 },
      ["release:2:pay_by_passed"],
    ],
    ["of an order that is being paid stays", situations.paying(), []],
    ["of an order that was declined stays, since it may be paid again", situations.declined(), []],
    ["of an order that retakes its units stays", situations.retaking(), []],
  ];
  test.each(overdue)("%s", async (_, order, calls) => {
    const { order: id, buyer } = order ?? pending();
    const sku = new FakeSku(0);
    sku.holds.set(id, { state: "claimed", take: 1 });
    const world = worldOf({ orders: { [id]: new FakeOrder(order) }, skus: { [RED]: sku } });
    const message: EffectMessage = {
      v: 1,
      type: "claim_overdue",
      sku: RED,
      move: { order: id, take: 1, buyer, quantity: 1 },
    };
    expect(await deliverTo(consumeEffects, world, bodies(message))).toEqual(["acked"]);
    expect(sku.calls).toEqual(calls);
  });
});
