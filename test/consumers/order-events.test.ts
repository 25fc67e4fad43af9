import { env } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { OrderEventMessage } from "../../schema/messages.ts";
import type { Order, Payment, Placement } from "../../schema/order.ts";
import { skuNumberOf } from "../../schema/ids.ts";
import type { WebhookEvent } from "../../schema/webhook.ts";
import { consumeOrderEvents } from "../../worker/consumers/order-events.ts";
import { findOrder } from "../../worker/read-models/orders.ts";
import { addEndpoint, removeEndpoint } from "../../worker/read-models/webhook-endpoints.ts";
import { cny, PAY_BY, payment, pending, placement, refund, situations } from "../fixtures/orders.ts";
import { bodies, D1_DOWN, deliverTo, FakeOrder, FakeSku, permutations, worldOf } from "./world.ts";

const LAMP = skuNumberOf("lamp-red");

const changed = (order: Order): OrderEventMessage => ({
  v: 1,
  type: "order_changed",
  order,
  at: order.updatedAt,
});

/** What a SKU's journal row tells, each order placed under an offer of its own. */
function ofSku(through: number, placed: Placement[], expired: Placement[] = []): OrderEventMessage {
  const offers = [...placed, ...expired].map(({ sale, lines }, number) => {
    const { sku = "", name = "", unitPrice: price = cny(0) } = lines[0] ?? {};
    const config = { sku, sale, name, price, perBuyerMax: 1, holdMs: 60_000, opensAt: 0, closesAt: PAY_BY };
    return [number, config] as const;
  });
  const rows = [
    ...placed.map(({ order, buyer, lines, createdAt, payBy }, offer) => ({
      at: createdAt,
      news: [["held", order, buyer, lines[0]?.quantity, payBy, "key", "f", offer, ...lines.slice(1)]],
    })),
    ...expired.map(({ order, buyer, lines, createdAt, payBy }, index) => {
      const facts = [buyer, lines[0]?.quantity, placed.length + index, createdAt, payBy];
      return { at: PAY_BY + 5, news: [["released", order, "expired", ...facts, ...lines.slice(1)]] };
    }),
  ];
  const told = { sku: LAMP, after: through - 1, through, at: PAY_BY };
  return { v: 1, type: "sku_rows", ...told, offers, rows };
}

/** The same from the auditor. */
const inFull = (placed: Placement[], expired: Placement[] = []): OrderEventMessage => ({
  v: 1,
  type: "sku_changed",
  sku: LAMP,
  placed,
  expired: expired.map((gone) => ({ placement: gone, at: PAY_BY + 5 })),
  at: PAY_BY,
});

/** An order's life as its actor tells it: versions 2 to 5. */
function lifeOf(order: Order): Order[] {
  const paid = {
    ...order,
    state: "paid" as const,
    version: 4,
    updatedAt: 40,
    payments: [payment(order, { state: "succeeded" })],
    refunds: [refund(order)],
  };
  const back = { ...refund(order), state: "succeeded" as const };
  return [
    {
      ...order,
      state: "paying",
      version: 2,
      updatedAt: 20,
      payments: [payment(order, { state: "created", providerRef: null })],
    },
    { ...order, state: "paying", version: 3, updatedAt: 30, payments: [payment(order)] },
    paid,
    { ...paid, state: "refunded", version: 5, updatedAt: 50, refunds: [back] },
  ];
}

/** The rows of one order, as SQL sees them. */
async function rowsOf({ DB }: Env, id: string) {
  const read = async (sql: string) => (await DB.prepare(sql).bind(id).all()).results;
  return {
    orders: await read("SELECT state, version, rank, updated_at FROM orders WHERE id = ?"),
    payments: await read("SELECT state, provider_ref, version FROM payments WHERE order_id = ?"),
    refunds: await read("SELECT state, version FROM refunds WHERE order_id = ?"),
  };
}

describe("the copy in D1", () => {
  /** As many orders as there are arrivals, each told of in another order. */
  function everyArrival() {
    const all = permutations([0, 1, 2, 3, 4]).map((arrival) => {
      const order = pending();
      const said = [ofSku(1, [order]), ...lifeOf(order).map(changed)];
      return { arrival, order, letters: arrival.map((at) => said[at]) };
    });
    const orders = Object.fromEntries(all.map(({ order }) => [order.order, new FakeOrder(order)]));
    return { all, world: worldOf({ orders, skus: { [LAMP]: new FakeSku(0) } }) };
  }

  test("ends the same whatever the order of arrival, with every message twice", async () => {
    const { all, world } = everyArrival();
    for (const step of [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]) {
      const ended = await deliverTo(
        consumeOrderEvents,
        world,
        bodies(...all.map(({ letters }) => letters[step])),
      );
      expect(new Set(ended)).toEqual(new Set(["acked"]));
    }
    for (const { arrival, order } of all) {
      expect(await rowsOf(world, order.order), arrival.join()).toEqual({
        orders: [{ state: "refunded", version: 5, rank: 1, updated_at: 50 }],
        payments: [{ state: "succeeded", provider_ref: "bnk_1", version: 5 }],
        refunds: [{ state: "succeeded", version: 5 }],
      });
      expect(await findOrder(world.DB, order.order)).toEqual(lifeOf(order).at(-1));
    }
  });

  test("ends the same when all of it arrives in one batch, in any order", async () => {
    const { all, world } = everyArrival();
    const ended = await deliverTo(
      consumeOrderEvents,
      world,
      bodies(...all.flatMap(({ letters }) => letters)),
    );
    expect(new Set(ended)).toEqual(new Set(["acked"]));
    for (const { arrival, order } of all)
      expect((await findOrder(world.DB, order.order))?.version, arrival.join()).toBe(5);
  });

  test.each([
    ["its home SKU", ofSku.bind(null, 1)],
    ["the auditor", inFull],
  ])("of an order nobody paid comes from %s: placed, then expired", async (_, say) => {
    const placed = placement();
    const sku = new FakeSku(0);
    const world = worldOf({ skus: { [LAMP]: sku } });
    await deliverTo(consumeOrderEvents, world, bodies(say([placed])));
    expect(await findOrder(world.DB, placed.order)).toMatchObject({
      ...placed,
      state: "pending",
      version: 1,
      reason: null,
    });
    await deliverTo(consumeOrderEvents, world, bodies(say([], [placed])));
    await deliverTo(consumeOrderEvents, world, bodies(say([placed])));
    const expired = {
      ...placed,
      state: "expired",
      reason: "pay_by_passed",
      version: 2,
      updatedAt: PAY_BY + 5,
    };
    expect(await findOrder(world.DB, placed.order)).toMatchObject(expired);
  });

  test("of two equal versions believes the order, not its SKU", async () => {
    for (const arrival of permutations([0, 1])) {
      const order = pending({ state: "paying", version: 2, updatedAt: 7 });
      const world = worldOf({
        orders: { [order.order]: new FakeOrder(order) },
        skus: { [LAMP]: new FakeSku(0) },
      });
      const said = [changed(order), ofSku(1, [], [order])];
      for (const at of arrival) await deliverTo(consumeOrderEvents, world, bodies(said[at]));
      expect((await rowsOf(world, order.order)).orders, arrival.join()).toEqual([
        { state: "paying", version: 2, rank: 1, updated_at: 7 },
      ]);
    }
  });

  test("is written in parameters that D1 takes, however much there is to write", async () => {
    const name = "lämp ".repeat(1_000);
    const placed = Array.from({ length: 900 }, () => {
      const one = placement();
      return { ...one, lines: one.lines.map((line) => ({ ...line, name })) };
    });
    const sizes: number[] = [];
    const measuring = {
      prepare: (sql: string) => ({
        bind: (rows: string) => {
          sizes.push(new TextEncoder().encode(rows).byteLength);
          return env.DB.prepare(sql).bind(rows);
        },
      }),
      batch: (statements: D1PreparedStatement[]) => env.DB.batch(statements),
    };
    const world = worldOf({ skus: { [LAMP]: new FakeSku(0) } }, { DB: measuring });
    expect(await deliverTo(consumeOrderEvents, world, bodies(ofSku(1, placed)))).toEqual(["acked"]);
    expect(Math.max(...sizes)).toBeLessThan(2_000_000);
    for (const { order } of [placed[0], placed[450], placed[899]].filter((one) => one !== undefined))
      expect((await findOrder(env.DB, order))?.lines[0]?.name).toBe(name);
  });
});

describe("word to the actors", () => {
  test("is the highest version of an order, and each message of a SKU", async () => {
    const order = pending();
    const [actor, sku] = [new FakeOrder(order), new FakeSku(0)];
    const world = worldOf({ orders: { [order.order]: actor }, skus: { [LAMP]: sku } });
    const [two, three, four] = lifeOf(order).map(changed);
    // A SKU's messages are text; older ones, and those that people replay, are not.
    const text = JSON.stringify(ofSku(9, [order]));
    await deliverTo(consumeOrderEvents, world, bodies(three, text, four, ofSku(4, []), two));
    expect(actor.heard).toEqual([{ reports: [{ type: "projected", version: 4 }], settles: undefined }]);
    expect(new Set(sku.throughs)).toEqual(new Set([4, 9]));
  });

  test("is not given while D1 is down: everything comes back", async () => {
    const order = situations.paid();
    const [actor, sku] = [new FakeOrder(order), new FakeSku(0)];
    const world = worldOf({ orders: { [order.order]: actor }, skus: { [LAMP]: sku } }, D1_DOWN);
    const ended = await deliverTo(consumeOrderEvents, world, bodies(changed(order), ofSku(1, [placement()])));
    expect(ended).toEqual([expect.any(Number), expect.any(Number)]);
    expect(actor.heard).toEqual([]);
    expect(sku.throughs).toEqual([]);
  });

  test("is given once every merchant's server has what there is to tell, and not before", async () => {
    const order = situations.paid();
    const actor = new FakeOrder(order);
    const told: (readonly [endpoint: string, type: string])[] = [];
    let isAway = true;
    const endpoint = (id: string) => ({
      async tell(events: readonly WebhookEvent[]) {
        if (isAway) throw new Error("the endpoint's actor is away");
        told.push(...events.map(({ type }) => [id, type] as const));
      },
    });
    const WEBHOOK = { getByName: endpoint };
    const world = worldOf({ orders: { [order.order]: actor } }, { WEBHOOK });
    const ids = ["whe_first", "whe_second"];
    for (const [at, id] of ids.entries()) await addEndpoint(env.DB, id, "desk", at);
    try {
      expect(await deliverTo(consumeOrderEvents, world, bodies(changed(order)))).toEqual([
        expect.any(Number),
      ]);
      expect(actor.heard).toEqual([]);
      isAway = false;
      expect(await deliverTo(consumeOrderEvents, world, bodies(changed(order)))).toEqual(["acked"]);
      expect(told).toEqual(ids.map((id) => [id, "order.paid"]));
      expect(actor.heard).toHaveLength(1);
    } finally {
      for (const id of ids) await removeEndpoint(env.DB, id);
    }
  });

  test("that one actor cannot hear comes back, and the others have heard", async () => {
    const order = situations.paid();
    const [actor, sku] = [new FakeOrder(order), new FakeSku(0)];
    sku.refusal = "overloaded";
    const world = worldOf({ orders: { [order.order]: actor }, skus: { [LAMP]: sku } });
    const ended = await deliverTo(consumeOrderEvents, world, bodies(ofSku(1, [placement()]), changed(order)));
    expect(ended).toEqual([expect.any(Number), "acked"]);
    expect(actor.heard).toHaveLength(1);
  });
});

describe("a bad message", () => {
  const order = pending();
  const without = (field: string) => ({ ...changed(order), order: { ...order, [field]: undefined } });
  const odd = { ...payment(order), amount: null } as unknown as Payment;
  const told = ofSku(1, [order]);
  const bad: [string, unknown][] = [
    ["of a version to come", { ...changed(order), v: 2 }],
    ["of a type to come", { v: 1, type: "order_vanished", order }],
    ["without a sale, which a column must have", without("sale")],
    ["without a version", without("version")],
    ["with a payment of no amount", changed({ ...order, payments: [odd] })],
    ["with half a placement", inFull([{ order: order.order } as Placement])],
    ["of a row with half an order", { ...told, rows: [{ at: 1, news: [["held", order.order, "ann", 1]] }] }],
    ["of an order under an offer that it does not bring", { ...told, offers: [] }],
    ["that is null", null],
    ["of broken text", JSON.stringify(told).slice(1)],
    [
      "of a row with half an order, as text",
      JSON.stringify({ ...told, rows: [{ at: 1, news: [["held"]] }] }),
    ],
  ];
  test.each(bad)("%s spoils nobody's copy", async (_, body) => {
    const good = situations.paid();
    const world = worldOf({ orders: { [good.order]: new FakeOrder(good) } });
    expect(await deliverTo(consumeOrderEvents, world, bodies(body, changed(good)))).toEqual([
      expect.any(Number),
      "acked",
    ]);
    expect(await findOrder(world.DB, good.order)).toEqual(good);
    expect(await findOrder(world.DB, order.order)).toBeNull();
  });
});
