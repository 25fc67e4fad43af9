import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { app } from "../../worker/app.ts";
import { ADMIN, call, fresh, line, ORIGIN, sale, saleBody, tokenOf } from "./shop.ts";

test("an order of one SKU is held at the server's price, and a replay is the same answer", async () => {
  const { id, sku } = await sale();
  const token = await tokenOf("buy_one");
  const key = fresh("key");
  const body = { sale: id, lines: [line(sku, 2)] };
  const first = await call("/v1/orders", { token, key, body });
  expect(first.status).toBe(201);
  expect(first.headers.get("location")).toBe(`/v1/orders/${first.body.id}`);
  expect(first.body).toMatchObject({
    state: "pending",
    version: 1,
    amount: { amount: 200, currency: "CNY" },
    payments: [],
    refunds: [],
  });

  const again = await call("/v1/orders", {
    token,
    key,
    raw: JSON.stringify({ lines: body.lines, sale: id }, null, 2),
    headers: { "content-type": "application/json" },
  });
  expect(again.status).toBe(201);
  expect(again.body).toEqual(first.body);
  expect(again.headers.get("idempotent-replayed")).toBe("true");

  const reused = await call("/v1/orders", { token, key, body: { sale: id, lines: [line(sku, 1)] } });
  expect({ status: reused.status, code: reused.body.code }).toEqual({
    status: 422,
    code: "idempotency_key_reused",
  });
  expect((await call(`/v1/admin/skus/${sku}`, { token: ADMIN })).body).toMatchObject({
    held: 2,
    available: 3,
  });
});

test("an order of several SKUs is all or nothing, and one key is one order whichever SKU comes first", async () => {
  const { id, skus } = await sale([5, 5, 0]);
  const [a = "", b = "", none = ""] = skus;
  const token = await tokenOf("buy_many");
  const held = async (sku: string): Promise<number> =>
    (await call(`/v1/admin/skus/${sku}`, { token: ADMIN })).body.held;

  const refused = await call("/v1/orders", {
    token,
    body: { sale: id, lines: [line(none), line(a), line(b)] },
  });
  expect(refused.body.code).toBe("sold_out");
  expect([await held(a), await held(b)]).toEqual([0, 0]);

  const key = fresh("key");
  const order = await call("/v1/orders", { token, key, body: { sale: id, lines: [line(b), line(a)] } });
  expect(order.status).toBe(201);
  expect(order.body.lines.map(({ sku }: { sku: string }) => sku)).toEqual([b, a]);
  expect([await held(a), await held(b)]).toEqual([1, 1]);
  const again = await call("/v1/orders", { token, key, body: { sale: id, lines: [line(b), line(a)] } });
  expect(again.body).toEqual(order.body);
  const other = await call("/v1/orders", { token, key, body: { sale: id, lines: [line(a)] } });
  expect(other.body.code).toBe("idempotency_key_reused");

  const races = await Promise.all(
    [1, 2, 3].map(() =>
      call("/v1/orders", {
        token: "",
        headers: { authorization: `Bearer ${token}` },
        key: "race",
        body: { sale: id, lines: [line(a)] },
      }),
    ),
  );
  const made = new Set(races.filter(({ status }) => status === 201).map(({ body }) => body.id));
  expect(made.size).toBe(1);
  expect(await held(a)).toBe(2);
});

test("an order is its buyer's and the staff's; to anyone else it does not exist", async () => {
  const { id, sku } = await sale();
  const token = await tokenOf("buy_owner");
  const { body } = await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } });
  const path = `/v1/orders/${body.id}`;
  expect((await call(path, { token })).body).toEqual(body);
  expect((await call(path, { token: ADMIN })).status).toBe(200);
  const stranger = await tokenOf("buy_stranger");
  expect((await call(path)).status).toBe(401);
  for (const answer of [
    await call(path, { token: stranger }),
    await call(`${path}/cancel`, { method: "POST", token: stranger }),
    await call(`${path}/payments`, { token: stranger, body: { provider: "sandbox" } }),
    await call("/v1/orders/ord_00000000000000000000000000", { token }),
    await call("/v1/orders/nonsense", { token }),
  ])
    expect(answer.body.code).toBe("not_found");
});

test("a cancelled order gives its unit back; repeating it is harmless", async () => {
  const { id, sku } = await sale([1]);
  const token = await tokenOf("buy_cancel");
  const { body } = await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } });
  for (let time = 0; time < 2; time++) {
    const cancelled = await call(`/v1/orders/${body.id}/cancel`, { method: "POST", token });
    expect(cancelled).toMatchObject({ status: 200, body: { state: "expired", reason: "cancelled" } });
  }
  await expect
    .poll(async () => (await call(`/v1/admin/skus/${sku}`, { token: ADMIN })).body.available, {
      timeout: 5_000,
    })
    .toBe(1);
  const late = await call(`/v1/orders/${body.id}/payments`, { token, body: { provider: "sandbox" } });
  expect(late.body.code).toBe("order_expired");
});

test("one payment at a time; its replay is the same answer; the provider must be one of ours", async () => {
  const { id, sku } = await sale();
  const token = await tokenOf("buy_pay");
  const { body } = await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } });
  const path = `/v1/orders/${body.id}/payments`;
  expect((await call(path, { token, body: { provider: "stripe" } })).body.code).toBe("invalid_request");
  const key = fresh("key");
  const first = await call(path, { token, key, body: { provider: "sandbox" } });
  expect(first).toMatchObject({
    status: 201,
    body: { state: "requires_action", action: { type: "redirect" } },
  });
  expect(first.body.id).toBe(`pay_${body.id.slice(4)}01`);
  const again = await call(path, { token, key, body: { provider: "sandbox" } });
  expect({ status: again.status, body: again.body }).toEqual({ status: 201, body: first.body });
  expect((await call(path, { token, key, body: { provider: "sandbox", method: "card" } })).body.code).toBe(
    "idempotency_key_reused",
  );
  expect((await call(path, { token, body: { provider: "sandbox" } })).body.code).toBe("payment_in_progress");
  expect((await call(`/v1/orders/${body.id}/cancel`, { method: "POST", token })).body.code).toBe(
    "order_state",
  );
});

test("staff see, refund and change stock, each once per key, and it is written down", async () => {
  const { id, sku } = await sale();
  const token = await tokenOf("buy_refund");
  const { body } = await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } });
  const refunds = `/v1/admin/orders/${body.id}/refunds`;
  expect((await call(refunds, { token: ADMIN, body: { reason: "none" } })).body.code).toBe("order_state");

  const stock = `/v1/admin/skus/${sku}/stock`;
  const key = fresh("key");
  const added = await call(stock, { token: ADMIN, key, body: { delta: 10, reason: "found a box" } });
  expect(added.body).toMatchObject({ restocked: 10, available: 14, held: 1 });
  expect(
    (await call(stock, { token: ADMIN, key, body: { delta: 10, reason: "found a box" } })).body.restocked,
  ).toBe(10);
  expect(
    (await call(stock, { token: ADMIN, key, body: { delta: 11, reason: "found a box" } })).body.code,
  ).toBe("idempotency_key_reused");
  expect((await call(stock, { token: ADMIN, body: { delta: -15, reason: "broken" } })).body.code).toBe(
    "insufficient_stock",
  );
  const { body: trail } = await call("/v1/admin/audit", { token: ADMIN });
  expect(
    trail.data.some(
      (entry: { action: string; reason: string }) =>
        entry.action === "stock.change" && entry.reason === "found a box",
    ),
  ).toBe(true);
});

test("a forged callback is refused and queues nothing; an unreadable one too", async () => {
  const headers = {
    "webhook-id": "evt_1",
    "webhook-timestamp": String(Math.floor(Date.now() / 1_000)),
    "webhook-signature": "v1,AAAA",
  };
  const forged = await call("/v1/webhooks/sandbox", { raw: "{}", headers });
  expect({ status: forged.status, code: forged.body.code }).toEqual({
    status: 401,
    code: "invalid_signature",
  });
  expect((await call("/v1/webhooks/paypal", { raw: "{}" })).body.code).toBe("not_found");
  expect((await call("/v1/webhooks/sandbox", { raw: "x".repeat(65_537), headers })).body.code).toBe(
    "body_too_large",
  );
});

/** D1 as it is when it is not there. */
const away = new Proxy({} as D1Database, {
  get: () => () => {
    throw new Error("D1_ERROR: Network connection lost.");
  },
});

test("while D1 is away a sale goes on: orders, payments, callbacks and reads do not touch it", async () => {
  const { id, sku } = await sale();
  const without = { ...env, DB: away };
  const token = await tokenOf("buy_dark");
  const ask = async (path: string, sent: { key?: string; body?: unknown; token?: string } = {}) => {
    const answer = await app.request(
      `${ORIGIN}${path}`,
      {
        method: sent.body === undefined ? "GET" : "POST",
        headers: {
          authorization: `Bearer ${sent.token ?? token}`,
          "content-type": "application/json",
          "idempotency-key": fresh("key"),
        },
        ...(sent.body !== undefined && { body: JSON.stringify(sent.body) }),
      },
      without,
    );
    return {
      status: answer.status,
      body: await answer.json<{ id: string; code?: string; state?: string; action?: { url: string } }>(),
    };
  };
  expect((await ask(`/v1/sales/${id}`)).status).toBe(200);
  const order = await ask("/v1/orders", { body: { sale: id, lines: [line(sku)] } });
  expect(order.status).toBe(201);
  const payment = await ask(`/v1/orders/${order.body.id}/payments`, { body: { provider: "sandbox" } });
  expect(payment.status).toBe(201);
  expect((await ask(`/v1/orders/${order.body.id}`)).body.state).toBe("paying");
  expect(
    (await ask(`/sandbox/v1/payments/${payment.body.action?.url.split("/").at(-1)}/approve`, { body: {} }))
      .status,
  ).toBe(200);
  expect((await ask("/v1/admin/orders", { token: ADMIN })).body.code).toBe("overloaded");
  expect((await ask("/readyz")).status).toBe(503);
  expect((await ask("/healthz")).status).toBe(200);
});

test("a sale names its receiving accounts, and only such as there are", async () => {
  const put = (accounts: Record<string, string>) =>
    call(`/v1/admin/sales/${fresh("sale")}`, {
      method: "PUT",
      token: ADMIN,
      body: saleBody([{ sku: fresh("sku"), stock: 1 }], { accounts }),
    });
  expect((await put({ sandbox: "main" })).status).toBe(200);
  for (const [provider, account] of [
    ["sandbox", "second"],
    ["moneybags", "main"],
  ] as const) {
    const refused = await put({ [provider]: account });
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toMatchObject([{ pointer: `/accounts/${provider}` }]);
  }
});

test("a callback for an account that there is not has no door", async () => {
  const { status, body } = await call("/v1/webhooks/sandbox/second", { body: {} });
  expect([status, body.code]).toEqual([404, "not_found"]);
});
