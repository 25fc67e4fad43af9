import { describe, expect, test } from "vitest";
import { ApiDocument, nameOf } from "../../fuzz/document.ts";
import { ADMIN, call, fresh, line, ORIGIN, sale, tokenOf } from "../../routes/shop.ts";

/**
 * ASVS 5.0 3.3.1 to 3.3.4, 3.4.1 to 3.4.6, 3.5.1 to 3.5.3, 14.2.2, 14.3.2, OWASP API8:2023: what a browser is made to send by another site's page, and what
 * it is told to keep. Asked of every operation of the document that a cookie may open, and of every form.
 */

const document = new ApiDocument((await call("/openapi.json")).body);
const changes = document.operations.filter(({ method, forBuyers }) => forBuyers && method !== "GET");

/** How a browser says that a request was made by somebody else's page. */
const FOREIGN: Record<string, string>[] = [
  { origin: "https://evil.example" },
  { origin: "null" },
  { origin: `${ORIGIN}.evil.example` },
  { origin: ORIGIN.replace("https", "http") },
  { origin: `${ORIGIN}:8443` },
  { "sec-fetch-site": "cross-site" },
  { "sec-fetch-site": "same-site" },
  { origin: "https://evil.example", "sec-fetch-site": "same-origin" },
];

const cookieOf = async (buyer: string): Promise<string> => `__Host-buyer=${await tokenOf(buyer)}`;

describe("another site's page", () => {
  test.for(changes.map((operation) => [nameOf(operation), operation] as const))(
    "%s: a cookie does not count there",
    async ([, { method, path }]) => {
      const cookie = await cookieOf("buy_csrf");
      const where = path.replaceAll(/\{\w+\}/g, "nothing");
      for (const from of FOREIGN) {
        const { status, body } = await call(where, { method, headers: { cookie, ...from }, raw: "{}" });
        expect([status, body.code], JSON.stringify(from)).toEqual([403, "origin_refused"]);
      }
    },
  );

  test.for([
    "/sales/nothing/buy",
    "/orders/nothing/pay",
    "/orders/nothing/cancel",
    "/sandbox/payments/bnk_1/approve",
    "/sandbox/payments/bnk_1/decline",
  ])("the form %s is not sent from there", async (path) => {
    const cookie = await cookieOf("buy_form");
    for (const from of FOREIGN) {
      const raw = new URLSearchParams({ key: fresh("key"), sku: "lamp", quantity: "1" });
      const { status } = await call(path, { method: "POST", raw, headers: { cookie, ...from } });
      expect(status, JSON.stringify(from)).toBe(403);
    }
  });

  test("reads nothing: no origin is allowed that the settings do not name, and none with cookies", async () => {
    for (const { origin } of FOREIGN) {
      if (origin === undefined) continue;
      const { headers } = await call("/v1/sales", {
        headers: { origin, cookie: await cookieOf("buy_cors") },
      });
      expect(headers.get("access-control-allow-origin")).toBeNull();
      const asked = {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      };
      const preflight = await call("/v1/orders", { method: "OPTIONS", headers: asked });
      expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
      expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
    }
  });
});

test("a cookie opens no door of the staff, not even with a staff key in it", async () => {
  for (const operation of document.operations.filter(({ role, forBuyers }) => role !== null && !forBuyers)) {
    const headers = { cookie: `__Host-buyer=${ADMIN}; buyer=${ADMIN}; staff=${ADMIN}`, origin: ORIGIN };
    const { status } = await call(operation.path.replaceAll(/\{\w+\}/g, "x"), {
      method: operation.method,
      headers,
    });
    expect(status, nameOf(operation)).toBe(401);
  }
});

test("the cookie is bound to this host and to TLS, and no script reads it", async () => {
  const { id } = await sale();
  const { headers } = await call(`/sales/${id}`, { headers: { accept: "text/html" } });
  const [pair = "", ...attributes] = (headers.get("set-cookie") ?? "").split("; ");
  expect(pair).toMatch(/^__Host-buyer=eyJ/);
  expect(attributes.toSorted()).toEqual([
    "HttpOnly",
    expect.stringMatching(/^Max-Age=\d+$/),
    "Path=/",
    "SameSite=Lax",
    "Secure",
  ]);
  // A cookie of the same name that any subdomain or plain HTTP may have set is nobody's.
  const planted = await call("/v1/orders/ord_1", {
    headers: { cookie: `buyer=${await tokenOf("buy_planted")}` },
  });
  expect(planted.status).toBe(401);
});

test("an answer that is somebody's is kept by nobody on the way, and read as nothing but data", async () => {
  const { id, sku } = await sale();
  const token = await tokenOf(fresh("owner"));
  const order = await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } });
  const answers = [
    order,
    await call(`/v1/orders/${order.body.id}`, { token }),
    await call("/v1/buyers", { method: "POST" }),
    await call("/v1/admin/staff-keys", { token: ADMIN }),
    await call("/v1/admin/audit", { token: ADMIN }),
    await call("/v1/orders/ord_1"),
    await call("/metrics", { token: ADMIN }),
  ];
  for (const { headers } of answers) {
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get("strict-transport-security")).toContain("max-age=31536000");
    for (const told of ["server", "x-powered-by"]) expect(headers.get(told)).toBeNull();
  }
});
