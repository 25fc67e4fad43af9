import { describe, expect, test } from "vitest";
import type { OrderId } from "../../schema/ids.ts";
import type { ProviderEventMessage } from "../../schema/messages.ts";
import type { Report } from "../../schema/order.ts";
import { consumeProviderEvents } from "../../worker/consumers/provider-events.ts";
import { listCases } from "../../worker/read-models/cases.ts";
import { pending, reports, situations } from "../fixtures/orders.ts";
import { bodies, D1_DOWN, deliverTo, FakeOrder, worldOf } from "./world.ts";

let count = 0;

function event(order: OrderId, report: Report, facts: object = {}): ProviderEventMessage {
  return { v: 1, provider: "sandbox", event: `evt_${++count}`, order, report, receivedAt: 1_000, ...facts };
}

const nonsense = { type: "nonsense" } as unknown as Report;

describe("callbacks", () => {
  test("of one order are told in one call, in order of arrival; of others beside it", async () => {
    const [one, two] = [situations.paying(), situations.paying()];
    const actors = { [one.order]: new FakeOrder(one), [two.order]: new FakeOrder(two) };
    const ended = await deliverTo(
      consumeProviderEvents,
      worldOf({ orders: actors }),
      bodies(
        event(one.order, reports(one).failed),
        event(two.order, reports(two).succeeded),
        event(one.order, reports(one).succeeded),
      ),
    );
    expect(ended).toEqual(["acked", "acked", "acked"]);
    expect(actors[one.order]?.heard).toEqual([
      { reports: [reports(one).failed, reports(one).succeeded], settles: undefined },
    ]);
    expect(actors[two.order]?.heard).toHaveLength(1);
  });

  test("about an order that never started a payment open one case, however often they come", async () => {
    const stranger = pending();
    const world = worldOf({ orders: { [stranger.order]: new FakeOrder(null) } });
    const word = event(stranger.order, reports(stranger).succeeded);
    expect(await deliverTo(consumeProviderEvents, world, bodies(word, word))).toEqual(["acked", "acked"]);
    expect(await deliverTo(consumeProviderEvents, world, bodies(word))).toEqual(["acked"]);

    const open = await listCases(world.DB);
    expect(open.filter(({ orderId }) => orderId === stranger.order)).toMatchObject([
      {
        id: `unknown_order:sandbox:${word.event}`,
        kind: "unknown_order",
        orderId: stranger.order,
        paymentId: reports(stranger).succeeded.payment,
        detail: "sandbox says payment_succeeded about an order that never started a payment",
        openedAt: 1_000,
      },
    ]);
  });

  test("of an unknown order wait while D1 is down, and others do not wait with them", async () => {
    const [stranger, known] = [pending(), situations.paying()];
    const orders = { [stranger.order]: new FakeOrder(null), [known.order]: new FakeOrder(known) };
    const ended = await deliverTo(
      consumeProviderEvents,
      worldOf({ orders }, D1_DOWN),
      bodies(
        event(stranger.order, reports(stranger).succeeded),
        event(known.order, reports(known).succeeded),
      ),
    );
    expect(ended).toEqual([expect.any(Number), "acked"]);
  });
});

describe("a bad callback", () => {
  const bad: [string, (order: OrderId) => unknown][] = [
    ["of a version to come", (order) => event(order, nonsense, { v: 2 })],
    ["without a report", (order) => event(order, nonsense, { report: undefined })],
    ["of an order that cannot be", () => event("ord_1", nonsense)],
    ["that is null", () => null],
    ["that is text", () => "text"],
  ];
  test.each(bad)("%s comes back alone", async (_, make) => {
    const order = situations.paying();
    const actor = new FakeOrder(order);
    const ended = await deliverTo(
      consumeProviderEvents,
      worldOf({ orders: { [order.order]: actor } }),
      bodies(
        event(order.order, reports(order).open),
        make(order.order),
        event(order.order, reports(order).succeeded),
      ),
    );
    expect(ended).toEqual(["acked", expect.any(Number), "acked"]);
    expect(actor.heard).toHaveLength(1);
  });

  test("that its order cannot read holds the others up once, not until it is dead", async () => {
    const order = situations.paying();
    const actor = new FakeOrder(order);
    const world = worldOf({ orders: { [order.order]: actor } });
    const both = bodies(event(order.order, nonsense), event(order.order, reports(order).succeeded));
    expect(await deliverTo(consumeProviderEvents, world, both)).toEqual([
      expect.any(Number),
      expect.any(Number),
    ]);
    const again = both.map(({ body }) => ({ body, attempts: 2 }));
    expect(await deliverTo(consumeProviderEvents, world, again)).toEqual([expect.any(Number), "acked"]);
    expect(actor.heard.map(({ reports: [report] }) => report?.type)).toEqual(["payment_succeeded"]);
  });
});

test("each try waits about twice as long as the one before, and never longer than five minutes", async () => {
  const attempts = [1, 2, 3, 4, 5, 6, 7, 8, 20, 100];
  const waits = await deliverTo(
    consumeProviderEvents,
    worldOf({}),
    attempts.map((attempt) => ({ body: null, attempts: attempt })),
  );
  for (const [index, attempt] of attempts.entries()) {
    const most = Math.min(2 ** attempt, 300);
    expect(waits[index], `attempt ${attempt}`).toBeGreaterThanOrEqual(most / 2);
    expect(waits[index], `attempt ${attempt}`).toBeLessThanOrEqual(most);
  }
});
