import { describe, expect, test } from "vitest";
import { ApiDocument, nameOf, type Operation, type Schema } from "../../fuzz/document.ts";
import { ADMIN, call, fresh, line, sale, saleBody, tokenOf } from "../../routes/shop.ts";

/**
 * OWASP API3, API6:2023 and ASVS 5.0 2.2.1, 2.2.2, 15.3.3: what a client says beside what it is asked, and what it says of money. Asked of every
 * operation of the document that takes a body.
 */

const document = new ApiDocument((await call("/openapi.json")).body);
const withBody = document.operations.filter(({ body }) => body !== null);

/** What a client would like to set. */
const WISHES = {
  id: "ord_1",
  price: { amount: 1, currency: "CNY" },
  unit_price: 1,
  amount: 1,
  subtotal: 1,
  currency: "XXX",
  discount: 100,
  refunded: 0,
  buyer: "buy_somebody",
  state: "paid",
  role: "admin",
  is_admin: true,
  version: 9,
  pay_by: "2099-01-01T00:00:00.000Z",
  created_by: "bootstrap",
  generation: 9,
  secret: "whsec_x",
  constructor: {},
};

/** The objects of a schema that take fields nobody named. */
function loose(schema: Schema, at = ""): string[] {
  const { type, properties, items, additionalProperties, allOf = [], anyOf = [] } = document.resolve(schema);
  const inside = Object.entries(properties ?? {}).flatMap(([name, field]) => loose(field, `${at}/${name}`));
  const within = [...allOf, ...anyOf].flatMap((one) => loose(one, at));
  const each = items ? loose(items, `${at}/0`) : [];
  const isOpen = type === "object" && additionalProperties !== false;
  return [...(isOpen ? [at] : []), ...inside, ...within, ...each];
}

const keyFor = (operation: Operation): Promise<string> | string =>
  operation.role === null ? tokenOf("buy_tamper") : ADMIN;

test("no body of the document has room for a field that nobody named", () => {
  const open = withBody.flatMap((one) => loose(one.body ?? {}).map((at) => `${nameOf(one)} ${at}`));
  // Which account of which provider: names that only the deployment knows, each looked up.
  expect(open).toEqual(["PUT /v1/admin/sales/{sale} /accounts"]);
});

test.for(withBody.map((operation) => [nameOf(operation), operation] as const))(
  "%s refuses by name every field that a client would like to set",
  async ([, operation]) => {
    const own = document.resolve(operation.body ?? {}).properties ?? {};
    const wishes = Object.fromEntries(Object.entries(WISHES).filter(([name]) => !Object.hasOwn(own, name)));
    const path = operation.path.replaceAll(/\{\w+\}/g, "nothing");
    const { status, body } = await call(path, {
      method: operation.method,
      token: await keyFor(operation),
      body: wishes,
    });
    expect([status, body.code]).toEqual([400, "invalid_request"]);
    const named = body.errors.map(({ pointer }: { pointer: string }) => pointer);
    expect(named).toEqual(expect.arrayContaining(Object.keys(wishes).map((name) => `/${name}`)));
  },
);

describe("money", () => {
  test("is the server's: of the order, of its payment and of what is left to refund, also when the price changes meanwhile", async () => {
    const { id, sku } = await sale([5]);
    const token = await tokenOf("buy_price");
    const { body: order } = await call("/v1/orders", { token, body: { sale: id, lines: [line(sku, 2)] } });
    expect(order.amount).toEqual({ amount: 200, currency: "CNY" });
    const dearer = saleBody([{ sku, stock: 5 }]);
    const skus = dearer.skus.map((one) => ({ ...one, price: { amount: 999, currency: "CNY" } }));
    expect(
      (await call(`/v1/admin/sales/${id}`, { method: "PUT", token: ADMIN, body: { ...dearer, skus } }))
        .status,
    ).toBe(200);
    const paying = await call(`/v1/orders/${order.id}/payments`, { token, body: { provider: "sandbox" } });
    expect(paying.body.amount).toEqual(order.amount);
    expect((await call(`/v1/orders/${order.id}`, { token })).body.amount).toEqual(order.amount);
  });

  test.for([0, -1, 1.5, "1", null, 1e21, 2 ** 53, [1], { $gt: 0 }])(
    "a refund of %j is none",
    async (amount) => {
      const { status, body } = await call("/v1/admin/orders/nothing/refunds", {
        token: ADMIN,
        body: { amount: { amount, currency: "CNY" }, reason: "x" },
      });
      expect([status, body.errors[0].pointer]).toEqual([400, "/amount/amount"]);
    },
  );

  test.for(["cny", "CN", "XYZ", "", "CNY ", 156])("%j is no currency", async (currency) => {
    const { status, body } = await call("/v1/admin/orders/nothing/refunds", {
      token: ADMIN,
      body: { amount: { amount: 1, currency }, reason: "x" },
    });
    expect([status, body.errors[0].pointer]).toEqual([400, "/amount/currency"]);
  });

  test.for([0, -1, 1.5, "2", 1e9, null, true])("%j units are none", async (quantity) => {
    const { id, sku } = await sale([5]);
    const token = await tokenOf("buy_units");
    const lines = [{ sku, quantity }];
    const { status, body } = await call("/v1/orders", { token, body: { sale: id, lines } });
    expect([status, body.errors[0].pointer]).toEqual([400, "/lines/0/quantity"]);
  });

  test("is not given back in another currency than it came in", async () => {
    const { id, sku } = await sale([5]);
    const token = await tokenOf("buy_euro");
    const { body: order } = await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } });
    const body = { amount: { amount: 1, currency: "EUR" }, reason: "x" };
    const answer = await call(`/v1/admin/orders/${order.id}/refunds`, { token: ADMIN, body });
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, "/amount/currency"]);
  });
});

test.for([
  "javascript:alert(1)",
  "data:text/html,x",
  "//evil.example",
  "ftp://evil.example/",
  "/local",
  "vbscript:x",
  "java\nscript:x",
])("%j is no place to send a buyer back to", async (return_url) => {
  const { id, sku } = await sale([5]);
  const token = await tokenOf("buy_back");
  const { body: order } = await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } });
  const path = `/v1/orders/${order.id}/payments`;
  const { status, body } = await call(path, { token, body: { provider: "sandbox", return_url } });
  expect([status, body.errors[0].pointer]).toEqual([400, "/return_url"]);
});

test("names that mean something to the language mean nothing in a body", async () => {
  const { id, sku } = await sale([5]);
  const token = await tokenOf("buy_proto");
  const headers = { "content-type": "application/json" };
  for (const field of [
    '"__proto__":{"quantity":1,"price":1}',
    '"constructor":{"prototype":{"role":"admin"}}',
  ]) {
    const raw = `{"sale":"${id}","lines":[{"sku":"${sku}","quantity":1,${field}}],${field}}`;
    const { status, body } = await call("/v1/orders", { token, raw, headers });
    if (status === 201) expect(body.amount).toEqual({ amount: 100, currency: "CNY" });
    else expect([status, body.code]).toEqual([400, "invalid_request"]);
  }
  expect(({} as Record<string, unknown>)["role"]).toBeUndefined();
  expect((await call("/v1/admin/orders", { token })).status).toBe(401);
});

test("of a field that comes twice one value is checked and the same one used", async () => {
  const { id, sku } = await sale([5]);
  const headers = { "content-type": "application/json" };
  const raw = (first: number, second: number) =>
    `{"sale":"${id}","lines":[{"sku":"${sku}","quantity":${first},"quantity":${second}}]}`;
  const good = await call("/v1/orders", { token: await tokenOf(fresh("buy")), raw: raw(-5, 2), headers });
  expect([good.status, good.body.lines[0].quantity, good.body.amount.amount]).toEqual([201, 2, 200]);
  const bad = await call("/v1/orders", { token: await tokenOf(fresh("buy")), raw: raw(2, -5), headers });
  expect(bad.status).toBe(400);
  expect((await call(`/v1/admin/skus/${sku}`, { token: ADMIN })).body).toMatchObject({
    held: 2,
    available: 3,
  });
});
