import { expect, test } from "vitest";
import { PROBLEMS } from "../../worker/problem.ts";
import {
  ADMIN,
  call,
  fresh,
  line,
  ORIGIN,
  sale,
  saleBody,
  tokenOf,
  type Answered,
  type Sent,
} from "./shop.ts";

/** Every refusal is a problem document that says which, resolves to a page and carries the request's id. */
function expectProblem(answer: Answered, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
  expect(answer.body).toMatchObject({
    type: `${ORIGIN}/problems/${code}`,
    status,
    instance: expect.stringMatching(/^\//),
  });
  expect(answer.body.request_id).toBe(answer.headers.get("x-request-id"));
  if (answer.body.retry_after !== undefined)
    expect(answer.headers.get("retry-after")).toBe(String(answer.body.retry_after));
}

test("bad input of every kind gets exactly its problem", async () => {
  const { id, sku } = await sale();
  const token = await tokenOf("buy_bad");
  const good = { sale: id, lines: [line(sku)] };
  const cases: [string, Sent, number, string][] = [
    ["no token", { body: good, token: null }, 401, "unauthenticated"],
    ["a forged token", { body: good, token: `${token}x` }, 401, "unauthenticated"],
    ["not JSON", { raw: "{", headers: { "content-type": "application/json" } }, 400, "invalid_json"],
    ["an empty body", { raw: "", headers: { "content-type": "application/json" } }, 400, "invalid_json"],
    [
      "another type",
      { raw: "a=1", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "unsupported_media_type",
    ],
    ["no type", { raw: new Blob(["{}"]) }, 415, "unsupported_media_type"],
    [
      "too large",
      { raw: `"${"x".repeat(65_536)}"`, headers: { "content-type": "application/json" } },
      413,
      "body_too_large",
    ],
    ["no key", { body: good, key: null }, 400, "idempotency_key_missing"],
    ["a key with a space", { body: good, key: "a b" }, 400, "idempotency_key_invalid"],
    ["a key of 256", { body: good, key: "k".repeat(256) }, 400, "idempotency_key_invalid"],
    [
      "a price of the client's",
      { body: { ...good, lines: [{ ...line(sku), price: 1 }] } },
      400,
      "invalid_request",
    ],
    ["an amount of the client's", { body: { ...good, amount: 1 } }, 400, "invalid_request"],
    ["a quantity of 0", { body: { sale: id, lines: [line(sku, 0)] } }, 400, "invalid_request"],
    ["a quantity of 1.5", { body: { sale: id, lines: [line(sku, 1.5)] } }, 400, "invalid_request"],
    ["no lines", { body: { sale: id, lines: [] } }, 400, "invalid_request"],
    ["a SKU twice", { body: { sale: id, lines: [line(sku), line(sku)] } }, 400, "invalid_request"],
    [
      "21 lines",
      { body: { sale: id, lines: Array.from({ length: 21 }, (_, n) => line(`s-${n}`)) } },
      400,
      "invalid_request",
    ],
    ["an unknown sale", { body: { sale: "nowhere", lines: [line(sku)] } }, 404, "not_found"],
    ["an unknown SKU", { body: { sale: id, lines: [line("nothing")] } }, 404, "not_found"],
    ["more than one may have", { body: { sale: id, lines: [line(sku, 3)] } }, 409, "purchase_limit"],
  ];
  for (const [what, sent, status, code] of cases) {
    const answer = await call("/v1/orders", { method: "POST", token, ...sent });
    expect(answer.body.code, what).toBe(code);
    expectProblem(answer, status, code);
  }
  const { body } = await call(`/v1/admin/skus/${sku}`, { token: ADMIN });
  expect(body, "and nothing was changed").toMatchObject({ available: 5, held: 0, sold: 0 });
});

test("unknown fields are named by their JSON pointers", async () => {
  const answer = await call("/v1/orders", {
    token: await tokenOf("buy_x"),
    body: { sale: "lamps", lines: [{ sku: "a", quantity: 1, "unit/price": 1 }], discount: 5 },
  });
  const pointers = answer.body.errors.map(({ pointer }: { pointer: string }) => pointer).toSorted();
  expect(pointers).toEqual(["/discount", "/lines/0/unit~1price"]);
});

test("a sale says when it is not open yet, closed, or sold out", async () => {
  const token = await tokenOf("buy_when");
  const now = Date.now();
  const at = (ms: number): string => new Date(now + ms).toISOString();
  const upcoming = await sale([5], { opens_at: at(60_000) });
  const closed = await sale([5], { opens_at: at(-60_000), closes_at: at(-1_000) });
  const empty = await sale([0]);
  for (const [{ id, sku }, code] of [
    [upcoming, "sale_not_open"],
    [closed, "sale_closed"],
    [empty, "sold_out"],
  ] as const)
    expectProblem(await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } }), 409, code);
});

test("lines of several currencies are refused, and hold nothing", async () => {
  const id = fresh("sale");
  const [yuan, euro] = [fresh("sku"), fresh("sku")];
  const body = saleBody([
    { sku: yuan, stock: 1 },
    { sku: euro, stock: 1, currency: "EUR" },
  ]);
  await call(`/v1/admin/sales/${id}`, { method: "PUT", token: ADMIN, body });
  const answer = await call("/v1/orders", {
    token: await tokenOf("buy_mixed"),
    body: { sale: id, lines: [line(yuan), line(euro)] },
  });
  expectProblem(answer, 400, "invalid_request");
  expect((await call(`/v1/admin/skus/${yuan}`, { token: ADMIN })).body.held).toBe(0);
});

test("a method that a path does not know is told the ones it does", async () => {
  const answer = await call("/v1/orders", { method: "DELETE", token: ADMIN });
  expectProblem(answer, 405, "method_not_allowed");
  expect(answer.headers.get("allow")).toBe("POST");
  expectProblem(await call("/v1/nothing"), 404, "not_found");
});

test("staff roles: each may do what the ones before it may, and no more", async () => {
  const { sku } = await sale();
  const key = async (role: string) =>
    (await call("/v1/admin/staff-keys", { token: ADMIN, body: { name: role, role } })).body.key as string;
  const roles = {
    viewer: await key("viewer"),
    support: await key("support"),
    finance: await key("finance"),
    admin: await key("admin"),
  };
  const order = "ord_00000000000000000000000000";
  const doors: [string, Sent, keyof typeof roles][] = [
    [`/v1/admin/skus/${sku}`, {}, "viewer"],
    ["/metrics", {}, "viewer"],
    ["/v1/admin/orders", {}, "support"],
    ["/v1/admin/dead-letters", {}, "support"],
    ["/v1/admin/cases", {}, "support"],
    [`/v1/admin/orders/${order}/timeline`, {}, "support"],
    [`/v1/admin/orders/${order}/history`, {}, "admin"],
    ["/v1/admin/audits", { body: { sale: "no-such-sale" } }, "support"],
    [`/v1/admin/orders/${order}/query`, { method: "POST" }, "support"],
    [`/v1/admin/orders/${order}/refunds`, { body: { reason: "x" } }, "finance"],
    [`/v1/admin/skus/${sku}/stock`, { body: { delta: 1, reason: "x" } }, "admin"],
    [`/v1/admin/sales/${fresh("sale")}`, { method: "PUT", body: {} }, "admin"],
    ["/v1/admin/audit", {}, "admin"],
    ["/v1/admin/staff-keys", {}, "admin"],
  ];
  const ranks = Object.keys(roles) as (keyof typeof roles)[];
  for (const [path, sent, least] of doors) {
    expectProblem(await call(path, sent), 401, "unauthenticated");
    expectProblem(await call(path, { ...sent, token: await tokenOf("buy_staff") }), 401, "unauthenticated");
    for (const role of ranks) {
      const answer = await call(path, { ...sent, token: roles[role] });
      if (ranks.indexOf(role) < ranks.indexOf(least)) expectProblem(answer, 403, "forbidden");
      else expect([200, 400, 404], `${role} at ${path}`).toContain(answer.status);
    }
  }
});

test("a revoked staff key opens nothing", async () => {
  const made = await call("/v1/admin/staff-keys", {
    token: ADMIN,
    body: { name: "Leaver", role: "support" },
  });
  expect((await call("/v1/admin/orders", { token: made.body.key })).status).toBe(200);
  expect(
    (await call(`/v1/admin/staff-keys/${made.body.id}`, { method: "DELETE", token: ADMIN })).status,
  ).toBe(204);
  expectProblem(await call("/v1/admin/orders", { token: made.body.key }), 401, "unauthenticated");
  const { body } = await call("/v1/admin/staff-keys", { token: ADMIN });
  expect(JSON.stringify(body)).not.toContain(made.body.key);
});

test("the cookie of a page counts for our own origin only", async () => {
  const { id, sku } = await sale();
  const cookie = `__Host-buyer=${await tokenOf("buy_cookie")}`;
  const body = { sale: id, lines: [line(sku)] };
  expectProblem(
    await call("/v1/orders", { body, headers: { cookie, origin: "https://evil.example" } }),
    403,
    "origin_refused",
  );
  expectProblem(
    await call("/v1/orders", { body, headers: { cookie, "sec-fetch-site": "cross-site" } }),
    403,
    "origin_refused",
  );
  expect((await call("/v1/orders", { body, headers: { cookie, origin: ORIGIN } })).status).toBe(201);
});

test("every code has a page, and the document of the API knows every path", async () => {
  for (const code of Object.keys(PROBLEMS)) {
    const page = await call(`/problems/${code}`, { headers: { accept: "text/html" } });
    expect(page.status, code).toBe(200);
    expect(page.body).toContain(code);
  }
  expectProblem(await call("/problems/nonsense"), 404, "not_found");
  const { body } = await call("/openapi.json");
  expect(body.openapi).toBe("3.1.0");
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining([
      "/v1/orders",
      "/v1/webhooks/{provider}",
      "/v1/admin/orders/{order}/refunds",
      "/metrics",
    ]),
  );
});
