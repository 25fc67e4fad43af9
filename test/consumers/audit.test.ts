import { createExecutionContext, env } from "cloudflare:test";
import { expect, test } from "vitest";
import { bodiesOf } from "../../durable-objects/sku/journal-text.ts";
import { apply } from "../../durable-objects/sku/machine.ts";
import { emptyState } from "../../durable-objects/sku/state.ts";
import type { OrderEventMessage } from "../../schema/messages.ts";
import { placementOf, unborn, type Order } from "../../schema/order.ts";
import type { Sale } from "../../schema/sale.ts";
import type { HoldState, SkuConfig } from "../../schema/sku.ts";
import { auditNext, auditSale, GRACE_MS } from "../../worker/auditor/audit.ts";
import { consumeOrderEvents } from "../../worker/consumers/order-events.ts";
import { unknownOf } from "../../worker/read-models/books.ts";
import { listCases } from "../../worker/read-models/cases.ts";
import { saveSale } from "../../worker/read-models/catalogue.ts";
import { listDifferences, openDifferences, readAuditor } from "../../worker/read-models/differences.ts";
import { project } from "../../worker/read-models/projection.ts";
import { schedule } from "../../worker/schedules/schedule.ts";
import { cny, placement, PLACED_AT, situations } from "../fixtures/orders.ts";
import { bodies, deliverTo, worldOf } from "./world.ts";

const NOW = PLACED_AT + 50_000_000;
let serial = 0;

/** What the actors of a shop say, and what D1's consumer is told. */
class Shop {
  readonly sale: Sale;
  readonly sku = `lamp-${++serial}`;
  /** Orders that have actors of their own. */
  readonly born = new Map<string, Order>();
  readonly holds = new Map<string, HoldState>();
  readonly sent: OrderEventMessage[] = [];
  view: object | (() => object) = { held: 0, sold: 0, version: 1 };
  journal: { seq: number; at: number; body: string }[] = [];

  constructor() {
    const id = `audited-${serial}`;
    const window = { opensAt: PLACED_AT, closesAt: PLACED_AT + 1 };
    const offers = [{ sku: this.sku, name: "Lamp", price: cny(100), image: null }];
    this.sale = { id, name: id, ...window, perBuyerMax: 5, holdMs: 1_000, offers };
  }

  /** An order of this sale in a situation of the fixtures. */
  order(of: keyof typeof situations, quantity = 1): Order {
    const made = situations[of]();
    const line = { sku: this.sku, name: "Lamp", quantity, unitPrice: cny(100) };
    return { ...made, sale: this.sale.id, lines: [line] };
  }

  get world(): Env {
    const sku = {
      view: async () => ({
        sales: [this.sale.id],
        ...(typeof this.view === "function" ? this.view() : this.view),
      }),
      find: async (order: string) => {
        const state = this.holds.get(order);
        const known = this.born.get(order);
        return state ? { state, placement: known ? placementOf(known) : null } : null;
      },
      journal: async (after: number) => this.journal.filter(({ seq }) => seq > after),
      published: async () => {},
    };
    const order = (name: string) => ({
      view: async () => (this.holds.has(name) ? null : (this.born.get(name) ?? null)),
      report: async () => null,
    });
    const queue = { send: async (message: OrderEventMessage) => void this.sent.push(message) };
    return worldOf({}, { SKU: { getByName: () => sku }, ORDER: { getByName: order }, ORDER_EVENTS: queue });
  }

  /** Gives an order its own actor, and D1 what is said of it. */
  async keep(actual: Order, booked: Order = actual): Promise<Order> {
    this.born.set(actual.order, actual);
    await project(env.DB, [{ order: booked, rank: 1 }]);
    return actual;
  }

  audit = (now = NOW, cursor: string | null = null) => auditSale(this.world, this.sale, cursor, now);

  /** What was sent reaches D1. */
  async deliver(): Promise<void> {
    await deliverTo(consumeOrderEvents, this.world, bodies(...this.sent.splice(0)));
  }
}

const subjects = async () => (await listDifferences(env.DB, 100)).map(({ id }) => id);
const casesAbout = async (id: string, state: "open" | "resolved" = "open") =>
  (await listCases(env.DB, state)).filter((one) => one.id.startsWith(`read_model_differs:${id}:`));

test("what agrees is compared and nothing more: every state, and the SKU's counters with their sums", async () => {
  const shop = new Shop();
  const [free, sold, held] = [
    ["expired", "retaking"],
    ["paid", "refunded", "stranded", "committed"],
    ["paying"],
  ];
  for (const of of [...(free ?? []), ...(sold ?? []), ...(held ?? [])])
    await shop.keep(shop.order(of as keyof typeof situations, 2));
  shop.view = { held: 2, sold: 8, version: 7 };
  const { findings, next } = await shop.audit();
  expect(findings.different).toEqual([]);
  expect(findings.agreeing).toHaveLength(8);
  expect(findings.agreeing).toContain(`sku ${shop.sku}`);
  expect([next, shop.sent]).toEqual([null, []]);
});

test("what D1 lacks is published again, without ways to pay, and heals", async () => {
  const shop = new Shop();
  const paid = shop.order("paid");
  const order = await shop.keep({ ...paid, version: 4 }, { ...shop.order("paying"), ...placementOf(paid) });
  shop.view = { held: 0, sold: 1, version: 1 };
  const { findings } = await shop.audit();
  expect(findings.different.map(({ id }) => id)).toEqual([`order ${order.order}`, `sku ${shop.sku}`]);
  expect(await subjects()).toContain(`order ${order.order}`);
  expect(shop.sent).toMatchObject([{ type: "order_changed", order: { state: "paid", version: 4 } }]);
  expect(JSON.stringify(shop.sent)).not.toContain("/sandbox/payments/");
  await shop.deliver();
  expect((await shop.audit(NOW + 1_000)).findings.different).toEqual([]);
  expect(await subjects()).not.toContain(`order ${order.order}`);
});

test("what changed a moment ago is on its way, and no difference", async () => {
  const shop = new Shop();
  const paid = { ...shop.order("paid"), version: 4, updatedAt: NOW - 1_000 };
  await shop.keep(paid, { ...shop.order("paying"), ...placementOf(paid) });
  const { findings } = await shop.audit();
  expect([...findings.agreeing, ...findings.different.map(({ id }) => id)]).not.toContain(
    `order ${paid.order}`,
  );
  expect(shop.sent).toEqual([]);
});

test("what cannot be published again is a case after a while, and the case ends when it heals", async () => {
  const shop = new Shop();
  const paid = shop.order("paid");
  // D1 says another thing of the same version: no message replaces it.
  const order = await shop.keep(paid, { ...paid, state: "expired", reason: "pay_by_passed" });
  const id = `order:${order.order}`;
  await shop.audit();
  expect(shop.sent).toEqual([]);
  await shop.audit(NOW + GRACE_MS - 1);
  expect(await casesAbout(id)).toEqual([]);
  await shop.audit(NOW + GRACE_MS);
  await shop.audit(NOW + GRACE_MS + 1);
  expect(await casesAbout(id)).toMatchObject([{ kind: "read_model_differs", orderId: order.order }]);
  await env.DB.prepare("UPDATE orders SET state = 'paid', document = ? WHERE id = ?")
    .bind(JSON.stringify(order), order.order)
    .run();
  await shop.audit(NOW + GRACE_MS + 2);
  expect(await casesAbout(id)).toEqual([]);
  expect(await casesAbout(id, "resolved")).toMatchObject([{ resolvedBy: "auditor" }]);
});

test.for([
  ["held", "pending"],
  ["released", "expired"],
  [null, "expired"],
] as const)("an order that nothing ever happened to is what its hold says: %s", async ([hold, state]) => {
  const shop = new Shop();
  const placed = { ...placement(), sale: shop.sale.id, lines: shop.order("pending").lines };
  await project(env.DB, [{ order: unborn(placed, PLACED_AT), rank: 0 }]);
  shop.born.set(placed.order, unborn(placed, PLACED_AT));
  if (hold) shop.holds.set(placed.order, hold);
  else shop.born.clear();
  shop.view = { held: hold === "held" ? 1 : 0, sold: 0, version: 1 };
  const { findings } = await shop.audit();
  expect(findings.different.some(({ id }) => id === `order ${placed.order}`)).toBe(state === "expired");
  await shop.deliver();
  expect((await shop.audit()).findings.different).toEqual([]);
});

test("an order that D1 has never heard of is found in its SKU's journal, and published again", async () => {
  const shop = new Shop();
  const config = { sku: shop.sku, sale: shop.sale.id, name: "Lamp", price: cny(100), perBuyerMax: 5 };
  const facts: SkuConfig = { ...config, holdMs: 60_000, opensAt: 0, closesAt: NOW };
  const state = emptyState();
  const orders = [1, 2, 3].map(() => placement().order);
  const holds = orders.map((order) => ({
    type: "hold" as const,
    request: {
      order,
      buyer: order,
      sale: shop.sale.id,
      quantity: 1,
      home: { key: order, fingerprint: "f", others: [], othersHeldUntil: null },
    },
  }));
  const { events } = apply(state, [{ type: "configure", config: facts, stock: 5 }, ...holds], PLACED_AT);
  shop.journal = bodiesOf(events, state.offers).map(({ json }, at) => ({
    seq: at + 1,
    at: PLACED_AT,
    body: json,
  }));
  shop.view = { held: 3, sold: 0, version: 1 };
  const [known, , born] = orders;
  const placed = { ...unborn(placement(), PLACED_AT), ...shop.order("pending"), payBy: PLACED_AT + 60_000 };
  await project(env.DB, [{ order: { ...placed, order: known ?? placed.order }, rank: 0 }]);
  const paying = { ...shop.order("paying"), order: born ?? placed.order };
  shop.born.set(paying.order, paying);
  shop.holds.set(known ?? "", "held");
  shop.born.set(known ?? "", { ...placed, order: known ?? placed.order });
  await shop.audit();
  expect((await unknownOf(env.DB, orders)).size).toBe(2);
  await shop.deliver();
  expect((await unknownOf(env.DB, orders)).size).toBe(0);
  const { findings } = await shop.audit();
  expect(findings.agreeing).toContain(`sku ${shop.sku}`);
  const [row] = (await env.DB.prepare("SELECT state FROM orders WHERE id = ?").bind(born).all()).results;
  expect(row).toEqual({ state: "paying" });
});

test("a SKU that moves meanwhile is not compared, and one that does not answer differs", async () => {
  const shop = new Shop();
  let version = 0;
  shop.view = () => ({ held: 9, sold: 9, version: ++version });
  expect((await shop.audit()).findings.compared).toBe(0);
  shop.view = () => {
    throw new Error("hash chain of the journal holds at row 1");
  };
  expect((await shop.audit()).findings.different).toMatchObject([
    { id: `sku ${shop.sku}`, detail: expect.stringContaining("row 1") as string },
  ]);
});

test("rounds by the clock come to every order and every sale, and to what differed before", async () => {
  const shop = new Shop();
  await env.DB.exec("DELETE FROM orders");
  await env.DB.exec("DELETE FROM differences");
  await saveSale(env.DB, shop.sale);
  const orders: Order[] = [];
  for (let n = 0; n < 150; n++) orders.push(shop.order("paid"));
  for (const order of orders) shop.born.set(order.order, order);
  await project(
    env.DB,
    orders.map((order) => ({ order, rank: 1 as const })),
  );
  shop.view = { held: 0, sold: 150, version: 1 };
  const first = await auditNext(shop.world, NOW, 0);
  const second = await auditNext(shop.world, NOW + 1, 0);
  expect([first.compared, second.compared]).toEqual([101, 51]);
  expect(new Set([...first.agreeing, ...second.agreeing]).size).toBe(151);
  expect(await readAuditor(env.DB)).toMatchObject({
    ranAt: NOW + 1,
    compared: 51,
    different: 0,
    orderCursor: "",
  });

  // It goes wrong behind the auditor's back, and is looked at in every round from then on.
  const [one] = orders.toSorted((a, b) => (a.order < b.order ? -1 : 1));
  await env.DB.prepare("UPDATE orders SET state = 'expired' WHERE id = ?").bind(one?.order).run();
  for (const at of [2, 3, 4, 5]) {
    const round = await auditNext(shop.world, NOW + at, 0);
    expect(round.different.map(({ id }) => id)).toContain(`order ${one?.order}`);
  }
  expect(await openDifferences(env.DB)).toEqual({ count: 1, since: NOW + 2 });
});

test("the clock runs a round", async () => {
  const { ranAt } = await readAuditor(env.DB);
  const event = { cron: "2-59/5 * * * *", scheduledTime: NOW + 1_000_000, noRetry: () => {} };
  const shop = new Shop();
  await env.DB.exec("DELETE FROM sales");
  await schedule(event, shop.world, createExecutionContext());
  expect((await readAuditor(env.DB)).ranAt).toBe(NOW + 1_000_000);
  expect(ranAt).toBeLessThan(NOW + 1_000_000);
});
