import { expect, test, vi } from "vitest";
import { ADMIN, call, fresh, line, sale, tokenOf } from "./shop.ts";

/** What is promised of a sale holds with gates before its SKUs as well. */
const gates = 4;

test("through gates a rush sells exactly what there is, and nothing else happens", async () => {
  const { id, sku } = await sale([20], {}, { gates });
  const buy = async (n: number) =>
    call("/v1/orders", {
      token: await tokenOf(fresh(`rusher-${n}`)),
      body: { sale: id, lines: [line(sku)] },
    });
  const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => buy(n)));
  const statuses = answers.map(({ status, body }) => body.code ?? status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(20);
  expect(statuses.filter((status) => status === "sold_out")).toHaveLength(180);
  const { body } = await call(`/v1/admin/skus/${sku}`, { token: ADMIN });
  expect(body).toMatchObject({ initial: 20, available: 0, held: 20, sold: 0 });
});

test("through gates a key is one order, its buyer's limit counts, and a cancelled unit is sold again", async () => {
  const { id, sku } = await sale([1], { per_buyer_max: 1 }, { gates });
  const token = await tokenOf(fresh("buyer"));
  const key = fresh("key");
  const buy = (facts: { token: string; key?: string }) =>
    call("/v1/orders", { ...facts, body: { sale: id, lines: [line(sku)] } });
  const same = await Promise.all(Array.from({ length: 5 }, () => buy({ token, key })));
  expect(new Set(same.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
  expect(same.filter(({ headers }) => headers.get("idempotent-replayed") === "true")).toHaveLength(4);
  expect((await buy({ token })).body.code).toBe("purchase_limit");
  const [first] = same;
  await call(`/v1/orders/${first?.body.id}/cancel`, { token, method: "POST" });
  const next = await tokenOf(fresh("next"));
  // The unit comes back by queue, and a gate may have said sold out a moment before.
  await vi.waitFor(async () => expect((await buy({ token: next })).status).toBe(201), {
    timeout: 5_000,
    interval: 200,
  });
});

test("through gates an order of several SKUs is all or nothing", async () => {
  const { id, skus } = await sale([5, 0], {}, { gates });
  const [there = "", gone = ""] = skus;
  const lines = [line(there), line(gone)];
  const refused = await call("/v1/orders", {
    token: await tokenOf(fresh("buyer")),
    body: { sale: id, lines },
  });
  expect(refused.body).toMatchObject({ code: "sold_out", errors: [{ pointer: "/lines/1" }] });
  const { body } = await call(`/v1/admin/skus/${there}`, { token: ADMIN });
  expect(body).toMatchObject({ available: 5, held: 0 });
});

test.for([-1, 65, 1.5, "4"])("%j gates are none that a merchant can have", async (wrong) => {
  const body = { name: "x", opens_at: "2026-01-01T00:00:00.000Z", closes_at: "2027-01-01T00:00:00.000Z" };
  const skus = [
    { sku: fresh("sku"), name: "x", price: { amount: 1, currency: "CNY" }, stock: 1, gates: wrong },
  ];
  const { status, body: said } = await call(`/v1/admin/sales/${fresh("sale")}`, {
    method: "PUT",
    token: ADMIN,
    body: { ...body, per_buyer_max: 1, hold_seconds: 60, skus },
  });
  expect([status, said.errors[0].pointer]).toEqual([400, "/skus/0/gates"]);
});
