import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Stripe } from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StripeEmulator } from "../providers/stripe/emulator.ts";
import { Merchant } from "./merchant.ts";
import { overHttp } from "./over-http.ts";
import { SECRETS, until } from "./server.ts";

const SECRET = "whsec_of_the_endpoint";
const KEY = "sk_test_emulated";

describe("a purchase by Stripe", () => {
  const emulator = new StripeEmulator(KEY);
  let merchant: Merchant;

  beforeAll(async () => {
    const account = JSON.stringify({ secret_key: KEY, webhook_secrets: [SECRET] });
    const slow = JSON.stringify({ ...JSON.parse(account), creations_per_second: 0.25 });
    const accounts = { STRIPE_ACCOUNT_MAIN: account, STRIPE_ACCOUNT_SLOW: slow };
    merchant = await Merchant.open(accounts, "stripe", {
      "api.stripe.com": emulator.answer,
    });
  });
  afterAll(() => merchant.close());
  afterAll(() => {
    expect(merchant.lines.some((line) => line.includes('"order_transition"'))).toBe(true);
    const pages = emulator.events.map(({ body }) => JSON.stringify(body));
    const opening = ["checkout.stripe.com", "_secret_", "stripe-signature", "amount_capturable"];
    expect(merchant.leaked([KEY, SECRET, SECRETS.ADMIN_KEY, ...opening, ...pages])).toEqual([]);
  });

  /** Delivers what has happened since, signed by Stripe's own package, each event so many times. */
  async function deliver(from: number, times = 1): Promise<void> {
    for (const { body } of emulator.events.slice(from))
      for (let i = 0; i < times; i++) {
        const payload = JSON.stringify(body);
        const signature = await Stripe.webhooks.generateTestHeaderStringAsync({ payload, secret: SECRET });
        expect(
          await merchant.callBack("stripe", new Headers({ "stripe-signature": signature }), payload),
        ).toBe(200);
      }
  }

  const pageOf = (url = ""): string => url.split("/").at(-1) ?? "";
  const eventsSince = (from: number) => emulator.events.slice(from).map(({ type }) => type);

  test("is promised, then the stock is sold, then the money is taken, however often Stripe says so", async () => {
    const from = emulator.events.length;
    const purchase = await merchant.placed();
    const { action } = await merchant.pay(purchase, "stripe");
    expect(action).toMatchObject({ type: "redirect", url: expect.stringContaining("checkout.stripe.com") });
    emulator.approve(pageOf(action?.url));
    await deliver(from, 3);
    const paid = await merchant.becomes(purchase, "paid", 5_000);
    expect(paid.payments).toMatchObject([{ state: "succeeded" }]);
    expect(await merchant.client.stock(purchase.sku)).toMatchObject({ sold: 1, held: 0 });
    await deliver(from, 2);
    expect(eventsSince(from).filter((type) => type === "payment_intent.succeeded")).toHaveLength(1);
    expect(await merchant.client.admin("/v1/admin/cases")).toMatchObject({ data: [] });
  });

  test("is paid without a single callback", async () => {
    const purchase = await merchant.placed();
    const { action } = await merchant.pay(purchase, "stripe");
    emulator.approve(pageOf(action?.url));
    await merchant.becomes(purchase, "paid", 60_000);
  });

  test("that was promised too late is let go: nobody pays for nothing, and the lamp is free again", async () => {
    const from = emulator.events.length;
    const purchase = await merchant.placed({ holdSeconds: 2 });
    const { action } = await merchant.pay(purchase, "stripe");
    // Its callbacks are lost, and the time to pay ends before anybody asks.
    emulator.approve(pageOf(action?.url));
    await merchant.becomes(purchase, "expired", 20_000);
    expect(eventsSince(from)).toEqual([
      "payment_intent.amount_capturable_updated",
      "checkout.session.completed",
      "payment_intent.canceled",
    ]);
    const free = () => merchant.client.stock(purchase.sku);
    await until("the unit is free", 5_000, free, ({ available }) => available === 1);
    await deliver(from);
    expect(await merchant.client.stock(purchase.sku)).toMatchObject({ available: 1, sold: 0 });
  });

  test("that nobody paid is closed at Stripe when its time is over", async () => {
    const from = emulator.events.length;
    const purchase = await merchant.placed({ holdSeconds: 2 });
    await merchant.pay(purchase, "stripe");
    await merchant.becomes(purchase, "expired", 20_000);
    expect(eventsSince(from)).toEqual(["checkout.session.expired"]);
  });

  test("waits in line when Stripe takes only so many: in order, with all the time to pay", async () => {
    const purchases = [];
    for (let i = 0; i < 4; i++) purchases.push(await merchant.placed({ accounts: { stripe: "slow" } }));
    // One every four seconds, which is longer than a busy machine takes to ask: whoever comes after the first has to wait.
    const started = [];
    for (const purchase of purchases) started.push(await merchant.pay(purchase, "stripe"));
    expect(started[0]?.action?.type).toBe("redirect");
    expect(started.slice(2)).toMatchObject([
      { state: "created", action: null, turn_at: expect.any(String) },
      { state: "created", action: null, turn_at: expect.any(String) },
    ]);
    const turns = started.slice(2).map(({ turn_at: at = "" }) => Date.parse(at));
    expect((turns[1] ?? 0) - (turns[0] ?? 0)).toBe(4_000);
    const last = purchases[3] as (typeof purchases)[number];
    const waited = (await merchant.client.read(last.token, last.order.id)).body;
    expect(Date.parse(waited.pay_by)).toBeGreaterThan(Date.parse(last.order.pay_by) + 8_000);
    // Nobody has to ask: when their turn comes the clock does.
    const read = async () => (await merchant.client.read(last.token, last.order.id)).body;
    await until("it is their turn", 30_000, read, ({ payments }) => payments[0]?.state === "requires_action");
    const page = emulator.open().at(-1) ?? "";
    emulator.approve(page);
    await merchant.client.call("POST", `/v1/admin/orders/${last.order.id}/query`, SECRETS.ADMIN_KEY);
    await merchant.becomes(last, "paid", 20_000);
  });

  test("is refunded in parts, and never beyond what was captured", async () => {
    const purchase = await merchant.placed();
    const { action } = await merchant.pay(purchase, "stripe", "checkout");
    emulator.approve(pageOf(action?.url));
    await merchant.client.call("POST", `/v1/admin/orders/${purchase.order.id}/query`, SECRETS.ADMIN_KEY);
    await merchant.becomes(purchase, "paid", 20_000);
    const refund = (amount: number) =>
      merchant.client.call<{ code?: string }>(
        "POST",
        `/v1/admin/orders/${purchase.order.id}/refunds`,
        SECRETS.ADMIN_KEY,
        { amount: { amount, currency: "CNY" }, reason: "scratched" },
      );
    const [one, two] = await Promise.all([refund(12_000), refund(12_000)]);
    expect(new Set([one.status, two.status])).toEqual(new Set([202, 409]));
    expect([one.body.code, two.body.code]).toContain("refund_exceeds_captured");
    const read = async () => (await merchant.client.read(purchase.token, purchase.order.id)).body;
    await until("the refund is made", 20_000, read, ({ refunds }) => refunds[0]?.state === "succeeded");
    expect(emulator.events.filter(({ type }) => type === "refund.created")).toHaveLength(1);
  });
});

describe("the emulator, driven by those who know Stripe", () => {
  const emulator = new StripeEmulator(KEY);
  let server: Awaited<ReturnType<typeof overHttp>>;

  beforeAll(async () => {
    server = await overHttp(emulator.answer);
  });
  afterAll(() => server.close());

  test("Stripe's package reads all of it: promised, captured, refunded, repeated, refused", async () => {
    const api = new Stripe(KEY, {
      host: "127.0.0.1",
      port: server.port,
      protocol: "http",
      maxNetworkRetries: 0,
    });
    const intent = { amount: 1_999, currency: "eur", capture_method: "manual" } as const;
    const made = await api.paymentIntents.create(intent, { idempotencyKey: "k" });
    expect(await api.paymentIntents.create(intent, { idempotencyKey: "k" })).toEqual(made);
    await expect(
      api.paymentIntents.create({ ...intent, amount: 2 }, { idempotencyKey: "k" }),
    ).rejects.toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
    emulator.approve(made.id);
    expect((await api.paymentIntents.capture(made.id)).amount_received).toBe(1_999);
    await expect(api.paymentIntents.cancel(made.id)).rejects.toMatchObject({
      code: "payment_intent_unexpected_state",
    });
    const refund = await api.refunds.create({ payment_intent: made.id, amount: 999 });
    expect(refund.status).toBe("succeeded");
    await expect(api.refunds.create({ payment_intent: made.id, amount: 1_001 })).rejects.toBeInstanceOf(
      Stripe.errors.StripeInvalidRequestError,
    );
    expect((await api.refunds.list({ payment_intent: made.id })).data).toMatchObject([{ id: refund.id }]);

    const page = await api.checkout.sessions.create({
      mode: "payment",
      line_items: [
        { quantity: 2, price_data: { currency: "eur", unit_amount: 500, product_data: { name: "Lamp" } } },
      ],
      success_url: "https://shop.example/",
      expires_at: Math.floor(Date.now() / 1_000) + 3_600,
    });
    expect(page).toMatchObject({ amount_total: 1_000, status: "open" });
    expect((await api.checkout.sessions.expire(page.id)).status).toBe("expired");
    await expect(api.checkout.sessions.expire(page.id)).rejects.toBeInstanceOf(
      Stripe.errors.StripeInvalidRequestError,
    );
  });

  test("Stripe's command line reads it", async () => {
    const args = ["--api-base", `http://127.0.0.1:${server.port}`, "--api-key", KEY];
    const run = async (...command: string[]): Promise<Record<string, unknown>> => {
      const { stdout } = await promisify(execFile)("node_modules/.bin/stripe", [...command, ...args]);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const made = await run("payment_intents", "create", "--amount", "700", "--currency", "usd");
    expect(made).toMatchObject({ object: "payment_intent", amount: 700, status: "requires_payment_method" });
    expect(await run("payment_intents", "retrieve", String(made["id"]))).toEqual(made);
    expect(await run("payment_intents", "cancel", String(made["id"]))).toMatchObject({ status: "canceled" });
  });
});
