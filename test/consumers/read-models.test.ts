import { env } from "cloudflare:test";
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Order } from "../../schema/order.ts";
import type { Sale } from "../../schema/sale.ts";
import { listAudit, recordAudit } from "../../worker/read-models/audit.ts";
import { assignCase, findCase, listCases, openCase, resolveCase } from "../../worker/read-models/cases.ts";
import { listSales, saveSale } from "../../worker/read-models/catalogue.ts";
import { countsOf } from "../../worker/read-models/counts.ts";
import { findOrder, listOrders, type OrderQuery } from "../../worker/read-models/orders.ts";
import { project } from "../../worker/read-models/projection.ts";
import {
  createStaffKey,
  findStaffKey,
  listStaffKeys,
  revokeStaffKey,
} from "../../worker/read-models/staff.ts";
import { payment, pending, placement, refund, situations } from "../fixtures/orders.ts";

const { DB } = env;
const ALL: OrderQuery = { state: null, sale: null, buyer: null, q: null, cursor: null, limit: 100 };

const keep = (...orders: Order[]) =>
  project(
    DB,
    orders.map((order) => ({ order, rank: 1 as const })),
  );

async function idsOf(query: Partial<OrderQuery>): Promise<string[]> {
  const page = await listOrders(DB, { ...ALL, ...query });
  return page?.orders.map(({ order }) => order) ?? ["no page"];
}

describe("the list of orders", () => {
  test.each([1, 2, 3, 7, 100])(
    "walked %i at a time is every order exactly once, newest first",
    async (limit) => {
      const sale = `walk-${limit}`;
      // Three of each instant, so that pages end between orders that were placed at once.
      const placed = Array.from({ length: 21 }, (_, at) =>
        pending({ ...placement({ sale, createdAt: 1_000 + Math.floor(at / 3) }) }),
      );
      await keep(...placed);
      const walked: Order[] = [];
      let cursor: string | null = null;
      let pages = 0;
      do {
        const page = await listOrders(DB, { ...ALL, sale, limit, cursor });
        expect(page?.orders.length).toBeLessThanOrEqual(limit);
        walked.push(...(page?.orders ?? []));
        cursor = page?.nextCursor ?? null;
        pages++;
      } while (cursor !== null && pages < 30);
      expect(pages).toBe(Math.ceil(21 / limit));
      const newest = placed.toSorted((a, b) => b.createdAt - a.createdAt || (a.order < b.order ? 1 : -1));
      expect(walked.map(({ order }) => order)).toEqual(newest.map(({ order }) => order));
    },
  );

  test("walked while orders are placed shows none of the old ones twice", async () => {
    const sale = "busy";
    const of = (createdAt: number) => pending(placement({ sale, createdAt }));
    const old = [of(1_000), of(2_000), of(3_000)];
    await keep(...old);
    const first = await listOrders(DB, { ...ALL, sale, limit: 2 });
    await keep(of(4_000));
    const second = await listOrders(DB, { ...ALL, sale, limit: 2, cursor: first?.nextCursor ?? null });
    const seen = [...(first?.orders ?? []), ...(second?.orders ?? [])].map(({ createdAt }) => createdAt);
    expect(seen).toEqual([3_000, 2_000, 1_000]);
    expect(second?.nextCursor).toBeNull();
  });

  test("is filtered by state, sale and buyer, together", async () => {
    const of = (sale: string, buyer: string, state: Order["state"]) =>
      pending({ ...placement({ sale, buyer }), state });
    const [wanted, paying, neighbour, elsewhere] = [
      of("filter", "buy_filter", "paid"),
      of("filter", "buy_filter", "paying"),
      of("filter", "buy_other", "paid"),
      of("filter-2", "buy_filter", "paid"),
    ];
    await keep(wanted, paying, neighbour, elsewhere);
    const set = (...orders: Order[]) => new Set(orders.map(({ order }) => order));
    expect(new Set(await idsOf({ sale: "filter" }))).toEqual(set(wanted, paying, neighbour));
    expect(new Set(await idsOf({ buyer: "buy_filter" }))).toEqual(set(wanted, paying, elsewhere));
    expect(await idsOf({ sale: "filter", buyer: "buy_filter", state: "paid" })).toEqual([wanted.order]);
    expect(await idsOf({ sale: "filter", state: "refunded" })).toEqual([]);
  });

  test("finds an order by any of its ids, and by its buyer", async () => {
    const buyer = "buy_searched";
    const order = { ...situations.paid(), buyer };
    const whole = {
      ...order,
      payments: [payment(order, { providerRef: "bnk_searched" })],
      refunds: [refund(order)],
    };
    await keep(whole, pending());
    const ids = [order.order, payment(order).id, refund(order).id, "bnk_searched", buyer];
    for (const q of ids) expect(await idsOf({ q }), q).toEqual([order.order]);
    expect(await idsOf({ q: "buy_searche%" })).toEqual([]);
    expect(await idsOf({ q: "' OR 1=1 --" })).toEqual([]);
  });

  test("refuses a cursor that is not one of ours", async () => {
    const bad = [
      "x",
      "xx",
      "not a cursor",
      "MTIz",
      "MTIzLm9yZF8x",
      "LW9yZF8x",
      "%00",
      "é",
      "A".repeat(200),
      btoa(`-1.${placement().order}`),
    ];
    for (const cursor of bad) expect(await listOrders(DB, { ...ALL, cursor }), cursor).toBeNull();
  });

  test("says how new it is", async () => {
    await keep(pending({ version: 2, updatedAt: 9_000_000_000_000 }));
    expect((await listOrders(DB, { ...ALL, sale: "nobody" }))?.asOf).toBe(9_000_000_000_000);
  });

  test("gives an order back as it was said", async () => {
    const order = {
      ...situations.refunded(),
      lines: [{ sku: "l", name: `"red" 灯 \\ '`, quantity: 1, unitPrice: { amount: 1, currency: "CNY" } }],
    };
    await keep(order);
    expect(await findOrder(DB, order.order)).toEqual(order);
    expect(await findOrder(DB, "ord_nobody")).toBeNull();
  });
});

test("columns say what the document says", async () => {
  const order = { ...situations.refunded(), updatedAt: 77 };
  await keep(order);
  const row = await DB.prepare("SELECT * FROM orders WHERE id = ?").bind(order.order).first();
  expect(row).toMatchObject({
    sale: "lamps",
    buyer: "buy_ann",
    state: "refunded",
    amount_minor: 100,
    currency: "CNY",
    updated_at: 77,
    version: 3,
  });
  const [paid, back] = [payment(order), refund(order)];
  expect(await DB.prepare("SELECT * FROM payments WHERE id = ?").bind(paid.id).first()).toEqual({
    id: paid.id,
    order_id: order.order,
    provider: "sandbox",
    provider_ref: "bnk_1",
    state: "succeeded",
    amount_minor: 100,
    currency: "CNY",
    account: "main",
    created_at: paid.createdAt,
    version: 3,
  });
  expect(await DB.prepare("SELECT * FROM refunds WHERE id = ?").bind(back.id).first()).toEqual({
    id: back.id,
    order_id: order.order,
    payment_id: paid.id,
    state: "succeeded",
    amount_minor: 100,
    currency: "CNY",
    reason: "staff",
    created_at: back.createdAt,
    version: 3,
  });
});

test("a sale is kept as it was last defined, the newest opening first", async () => {
  const sale = (id: string, opensAt: number, name = id): Sale => ({
    id,
    name,
    opensAt,
    closesAt: opensAt + 1,
    perBuyerMax: 2,
    holdMs: 600_000,
    offers: [{ sku: "lamp-red", name: "Red lamp", price: { amount: 100, currency: "CNY" }, image: null }],
  });
  await saveSale(DB, sale("old", 1_000));
  await saveSale(DB, sale("new", 2_000, "Wrong"));
  await saveSale(DB, sale("new", 3_000));
  expect(await listSales(DB)).toEqual([sale("new", 3_000), sale("old", 1_000)]);
});

test("a case is opened once, and listed newest first", async () => {
  const one = {
    id: "case-1",
    kind: "fate_open",
    order: placement().order,
    payment: null,
    detail: "an hour",
    openedAt: 1_000,
  } as const;
  await openCase(DB, one);
  await openCase(DB, { ...one, detail: "two hours", openedAt: 9_000 });
  await openCase(DB, { ...one, id: "case-2", kind: "stock_lost", openedAt: 2_000 });
  expect(await listCases(DB)).toMatchObject([
    { id: "case-2", kind: "stock_lost", openedAt: 2_000, owner: null, resolvedAt: null },
    { id: "case-1", kind: "fate_open", detail: "an hour", openedAt: 1_000, orderId: one.order },
  ]);
});

test("a case that somebody resolved is open no more, and the first word about it stands", async () => {
  const one = { kind: "capture_failed", order: null, payment: null, detail: "", openedAt: 5 } as const;
  await openCase(DB, { ...one, id: "mine" });
  await assignCase(DB, "mine", "ann");
  expect(await findCase(DB, "mine")).toMatchObject({ owner: "ann", resolvedAt: null });
  await resolveCase(DB, "mine", { by: "ann", resolution: "paid by hand", now: 10 });
  await resolveCase(DB, "mine", { by: "bob", resolution: "nothing to do", now: 11 });
  await assignCase(DB, "mine", "bob");
  // The same anomaly again is the same case.
  await openCase(DB, { ...one, id: "mine" });
  const resolved = { owner: "ann", resolvedAt: 10, resolvedBy: "ann", resolution: "paid by hand" };
  expect(await findCase(DB, "mine")).toMatchObject(resolved);
  expect((await listCases(DB)).map(({ id }) => id)).not.toContain("mine");
  expect((await listCases(DB, "resolved")).map(({ id }) => id)).toContain("mine");
  expect((await countsOf(DB)).cases.map(({ kind }) => kind)).not.toContain("capture_failed");
  expect(await findCase(DB, "nobody's")).toBeNull();
});

test("what D1 knows is counted", async () => {
  const before = await countsOf(DB);
  await keep(situations.paid(), situations.paid(), situations.expired());
  await openCase(DB, {
    id: "counted",
    kind: "refund_failed",
    order: null,
    payment: null,
    detail: "",
    openedAt: 1,
  });
  const after = await countsOf(DB);
  const gained = (state: string) =>
    (after.orders.find((row) => row.state === state)?.count ?? 0) -
    (before.orders.find((row) => row.state === state)?.count ?? 0);
  expect([gained("paid"), gained("expired"), gained("pending")]).toEqual([2, 1, 0]);
  expect(after.cases).toContainEqual({ kind: "refund_failed", count: 1 });
});

describe("a staff key", () => {
  const hashOf = (key: string) => createHash("sha256").update(key).digest("hex");

  test("opens what its role may, until it is revoked, and is kept nowhere", async () => {
    const { id, key } = await createStaffKey(DB, {
      name: "Ann",
      role: "finance",
      createdBy: "root",
      now: 1_000,
    });
    expect(key).toMatch(/^dbk_finance_[A-Za-z0-9_-]{32,}$/);
    expect(await findStaffKey(DB, hashOf(key))).toEqual({ id, role: "finance" });
    expect(JSON.stringify(await listStaffKeys(DB))).not.toContain(key);

    expect(await revokeStaffKey(DB, id, 2_000)).toBe(true);
    expect(await revokeStaffKey(DB, id, 3_000)).toBe(true);
    expect(await findStaffKey(DB, hashOf(key))).toBeNull();
    expect((await listStaffKeys(DB)).find((row) => row.id === id)?.revokedAt).toBe(2_000);
  });

  test("that nobody made opens nothing, and cannot be revoked", async () => {
    expect(await findStaffKey(DB, hashOf("dbk_admin_guess"))).toBeNull();
    expect(await revokeStaffKey(DB, "stf_nobody", 1_000)).toBe(false);
  });
});

test("who did what is kept in the order it was done", async () => {
  const entry = {
    at: 1_000,
    actor: "stf_1",
    role: "admin",
    action: "sale.define",
    target: "lamps",
    reason: null,
    requestId: "r1",
    detail: { a: [1] },
  };
  await recordAudit(DB, entry);
  await recordAudit(DB, { ...entry, action: "order.refund", reason: "broken" });
  const [last, first] = await listAudit(DB);
  expect(first).toMatchObject(entry);
  expect(last).toMatchObject({ action: "order.refund", reason: "broken" });
});
