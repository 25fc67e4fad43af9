import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { homeOf } from "../../schema/ids.ts";
import type { Order } from "../../schema/order.ts";
import { countLate, lateOrders } from "../../worker/read-models/late-orders.ts";
import { limboOf } from "../../worker/read-models/limbo.ts";
import { project } from "../../worker/read-models/projection.ts";
import { sweep } from "../../worker/schedules/sweep.ts";
import { cny, payment, pending, placement, refund, situations } from "../fixtures/orders.ts";
import { FakeOrder, worldOf } from "./world.ts";

const HOUR_MS = 3_600_000;
const NOW = 2_000_000_000_000;

const aged = (order: Order, ago: number): Order => ({ ...order, payBy: NOW - ago, updatedAt: NOW - ago });
const store = (...orders: Order[]) =>
  project(
    env.DB,
    orders.map((order) => ({ order, rank: 1 })),
  );

test("an order that should have ended long ago is told what time it is; one that has, or may yet, is left alone", async () => {
  const lost = aged(situations.paying(), HOUR_MS);
  const young = aged(situations.paying(), 5 * 60_000);
  const over = aged(situations.expired(), HOUR_MS);
  await store(lost, young, over);
  expect(await lateOrders(env.DB, NOW, 10)).toContain(lost.order);
  const actors = {
    [lost.order]: new FakeOrder(lost),
    [young.order]: new FakeOrder(young),
    [over.order]: new FakeOrder(over),
  };
  const others = Object.fromEntries(
    (await lateOrders(env.DB, NOW, 200)).map((id) => [id, new FakeOrder(lost)]),
  );
  await sweep(worldOf({ orders: { ...others, ...actors } }), NOW);
  expect(actors[lost.order]?.heard).toEqual([{ reports: [{ type: "clock_ticked" }], settles: undefined }]);
  expect(actors[young.order]?.heard).toEqual([]);
  expect(actors[over.order]?.heard).toEqual([]);
});

test("units that an order never came for go back, and units that somebody pays for do not", async () => {
  const gone = placement({ payBy: NOW - HOUR_MS });
  await store(aged(pending(gone), HOUR_MS));
  const released: string[] = [];
  const home = (state: string) => ({
    find: async () => ({ state, placement: gone }),
    release: async (move: { order: string }, why: string) => released.push(`${move.order} ${why}`),
  });
  const others = Object.fromEntries(
    (await lateOrders(env.DB, NOW, 200)).map((id) => [id, new FakeOrder(situations.paying())]),
  );
  const orders = { ...others, [gone.order]: new FakeOrder(null) };
  for (const state of ["claimed", "sold", "released"])
    await sweep(worldOf({ orders, skus: { [homeOf(gone.order)]: home(state) } }), NOW);
  expect(released).toEqual([]);
  await sweep(worldOf({ orders, skus: { [homeOf(gone.order)]: home("held") } }), NOW);
  expect(released).toEqual([`${gone.order} pay_by_passed`]);
});

test("an order whose refund is long on its way is told what time it is, with money that is back or just sent it is not", async () => {
  const returning = (state: "pending" | "succeeded", ago: number): Order => {
    const order = situations.refunding();
    return {
      ...aged(order, HOUR_MS),
      refunds: [refund(order, { amount: cny(40), state, createdAt: NOW - ago })],
    };
  };
  const lost = returning("pending", HOUR_MS);
  const young = returning("pending", 60_000);
  const back = returning("succeeded", HOUR_MS);
  await store(lost, young, back);
  const actors = [lost, young, back].map((order) => new FakeOrder(order));
  const orders = Object.fromEntries(
    [lost, young, back].map(({ order }, at) => [order, actors[at] ?? new FakeOrder(null)]),
  );
  await sweep(worldOf({ orders }), NOW);
  expect(actors.map(({ heard }) => heard.length)).toEqual([1, 0, 0]);
});

test("one that cannot be reached holds up nobody else", async () => {
  const lost = aged(situations.paying(), 2 * HOUR_MS);
  await store(lost);
  const reached = new FakeOrder(lost);
  // Of all others nobody knows the actor.
  await sweep(worldOf({ orders: { [lost.order]: reached } }), NOW);
  expect(reached.heard).toHaveLength(1);
  expect(await countLate(env.DB, NOW)).toBeGreaterThan(0);
});

test("money whose fate is open is counted, by kind, provider and currency, and no other", async () => {
  const before = await limboOf(env.DB);
  const of = (all: typeof before, kind: string, provider: string) =>
    all.find((one) => one.kind === kind && one.provider === provider);
  const at = (order: Order, facts: object): Order => ({
    ...order,
    payments: order.payments.map((one) => ({ ...one, provider: "limbo-bank", ...facts })),
  });
  const open = at(situations.paying(), { createdAt: 5_000, amount: cny(70) });
  const older = at(
    { ...pending(), payments: [payment(pending(), { state: "unknown" })] },
    { id: `pay_${"0".repeat(26)}01`, createdAt: 3_000, amount: cny(30) },
  );
  const settled = at(situations.paid(), {});
  const returning = at(situations.refunding(), {});
  await store(open, older, settled, {
    ...returning,
    refunds: [refund(returning, { amount: cny(40), createdAt: 9_000 })],
  });
  const after = await limboOf(env.DB);
  expect(of(after, "payment", "limbo-bank")).toEqual({
    kind: "payment",
    provider: "limbo-bank",
    currency: "CNY",
    count: 2,
    amountMinor: 100,
    oldestAt: 3_000,
  });
  expect(of(after, "refund", "limbo-bank")).toMatchObject({ count: 1, amountMinor: 40, oldestAt: 9_000 });
});
