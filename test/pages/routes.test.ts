import { env } from "cloudflare:test";
import { Hono } from "hono";
import { beforeEach, describe, expect, test } from "vitest";
import type { HoldRequest } from "../../schema/sku.ts";
import { err, ok } from "../../schema/result.ts";
import type { App } from "../../worker/app-env.ts";
import { en } from "../../worker/pages/i18n/en.ts";
import { pages } from "../../worker/pages/routes.tsx";
import { order, payment, view } from "./samples.ts";

/** The routes and the checkout as they are, between actors that say what each test wants. */
const said = {
  order: order() as unknown,
  hold: null as unknown,
  start: null as unknown,
  holds: [] as unknown[],
};
const heard = { holds: [] as HoldRequest[], reports: [] as unknown[] };

const one = view();
const offers = one.offers.slice(0, 1);
const lamps = { ...one, sale: { ...one.sale, offers }, offers };

const gate = (sale: string) => ({ view: async () => (sale === "lamps" ? lamps : null) });
const sku = {
  hold: async (request: HoldRequest) => {
    heard.holds.push(request);
    return said.hold;
  },
  holdsOf: async () => said.holds,
  claim: async () => ok({}),
};
const owner = {
  view: async () => said.order,
  start: async () => said.start,
  report: async (reports: unknown) => {
    heard.reports.push(reports);
    return said.order;
  },
};
const away = {
  prepare: () => {
    throw new Error("D1 is away");
  },
};
const actors = {
  GATE: { getByName: gate },
  SKU: { getByName: () => sku },
  ORDER: { getByName: () => owner },
  DB: away,
};
const world = { ...env, ...actors };

/** Whoever asks here is `buy_1`, unless the header says that nobody is known. */
const app = new Hono<App>();
app.use(async (c, next) => {
  c.set("lang", "en");
  c.set("requestId", "req_1");
  c.set("logged", {});
  c.set("buyer", c.req.header("x-nobody") ? null : "buy_1");
  await next();
});
app.route("/", pages);

const get = (path: string, headers: Record<string, string> = {}) => app.request(path, { headers }, world);
const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  app.request(path, { method: "POST", body: new URLSearchParams(form), headers }, world);

const mine = order();
const here = `/orders/${mine.order}`;
const pressed = { sku: "lamp-red", quantity: "2", key: "key-1" };

beforeEach(() => {
  const line = { ...mine.lines[0], quantity: 2 };
  Object.assign(said, {
    order: mine,
    hold: ok({ line, heldUntil: mine.payBy, placement: mine, replayed: false }),
    start: null,
    holds: [],
  });
  Object.assign(heard, { holds: [], reports: [] });
});

describe("a sale", () => {
  test("the list says so when D1 is away", async () => {
    const answer = await get("/");
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("cannot be read right now");
  });

  test("its page gives a stranger a name, and is nobody's to keep", async () => {
    const answer = await get("/sales/lamps", { "x-nobody": "1" });
    expect(answer.headers.get("set-cookie")).toMatch(/^buyer=.*HttpOnly/);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect((await get("/sales/none")).status).toBe(404);
  });

  test("points to what waits to be paid", async () => {
    said.holds = [{ order: mine.order, state: "held" }];
    expect(await (await get("/sales/lamps")).text()).toContain(`href="${here}/pay"`);
  });

  test("Buy places the order under the form's key and leads to the cashier", async () => {
    const answer = await post("/sales/lamps/buy", pressed);
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe(`${here}/pay`);
    expect(heard.holds).toMatchObject([
      { buyer: "buy_1", sale: "lamps", quantity: 2, home: { key: "key-1" } },
    ]);
  });

  test.each([
    [{ code: "sold_out", held: 1, available: 0 }, 409],
    [{ code: "purchase_limit", limit: 1 }, 409],
    [{ code: "sale_not_open", opensAt: 0 }, 409],
    [{ code: "overloaded" }, 503],
  ] as const)("a refusal (%o) is said on the page, with its status", async (refusal, status) => {
    said.hold = err(refusal);
    const answer = await post("/sales/lamps/buy", pressed);
    expect(answer.status).toBe(status);
    const page = await answer.text();
    expect(page).toContain('role="alert"');
    expect(page).toContain(en.refusals[refusal.code]);
  });

  test("a form that is not ours places nothing", async () => {
    for (const form of [
      { ...pressed, quantity: "0" },
      { ...pressed, key: "" },
      { ...pressed, sku: "<b>" },
      { quantity: "1" },
    ])
      expect((await post("/sales/lamps/buy", form as Record<string, string>)).status).toBe(400);
    const foreign = await post("/sales/lamps/buy", pressed, { Origin: "https://evil.example" });
    expect([foreign.status, foreign.headers.get("content-type")]).toEqual([403, "text/html; charset=UTF-8"]);
    expect(await foreign.text()).toContain(en.refusals.origin_refused);
    expect(heard.holds).toEqual([]);
  });
});

describe("an order", () => {
  test("somebody else's does not exist", async () => {
    said.order = order({ buyer: "buy_2" });
    for (const path of [here, `${here}/pay`]) expect((await get(path)).status).toBe(404);
    expect((await post(`${here}/pay`, { provider: "sandbox", method: "bank", key: "k" })).status).toBe(404);
    expect((await get(here, { "x-nobody": "1" })).status).toBe(404);
  });

  test("paying leads to the bank", async () => {
    said.start = ok({ order: mine, payment: payment(), replayed: true });
    const answer = await post(`${here}/pay`, { provider: "sandbox", method: "bank", key: "k" });
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe("http://localhost/sandbox/payments/bank_1");
  });

  test("a payment under way leads to where it goes on", async () => {
    said.start = err({ code: "payment_in_progress", payment: payment().id });
    const answer = await post(`${here}/pay`, { provider: "sandbox", method: "bank", key: "k" });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, `${here}/pay`]);
  });

  test("coming back from the bank asks the bank; a paid order has no cashier", async () => {
    said.order = order({ state: "paying", payments: [payment()] });
    expect(await (await get(`${here}?returned=1`)).text()).toContain("Confirming with your bank.");
    expect(heard.reports).toEqual([[{ type: "query_requested", by: "buyer" }]]);
    said.order = order({ state: "paid" });
    const answer = await get(`${here}/pay`);
    expect([answer.status, answer.headers.get("location")]).toEqual([303, here]);
  });
});
