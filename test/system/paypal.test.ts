import { Agent } from "node:https";
import { connect } from "node:net";
import {
  CheckoutPaymentIntent,
  Client,
  Environment,
  OrdersController,
  PaymentsController,
} from "@paypal/paypal-server-sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keyPair } from "../providers/keys.ts";
import { PayPalEmulator } from "../providers/paypal/emulator.ts";
import { Merchant } from "./merchant.ts";
import { overHttp } from "./over-http.ts";
import { SECRETS, until } from "./server.ts";

const emulator = new PayPalEmulator(await keyPair());

describe("a purchase by PayPal", () => {
  let merchant: Merchant;

  beforeAll(async () => {
    const account = JSON.stringify({
      client_id: emulator.clientId,
      client_secret: emulator.clientSecret,
      webhook_id: emulator.webhookId,
    });
    merchant = await Merchant.open({ PAYPAL_ACCOUNT_MAIN: account }, "paypal", {
      "api-m.paypal.com": emulator.answer,
    });
  });
  afterAll(() => merchant.close());
  afterAll(() => {
    expect(merchant.leaked([emulator.clientSecret, "A21AAemulated", "checkoutnow", "custom_id"])).toEqual([]);
  });

  async function deliver(from: number, times: number): Promise<void> {
    for (const event of emulator.events.slice(from))
      for (let i = 0; i < times; i++) {
        const body = JSON.stringify(event);
        expect(await merchant.callBack("paypal", await emulator.signed(body), body)).toBe(200);
      }
  }
  const orderOf = (url = ""): string => new URL(url).searchParams.get("token") ?? "";
  const since = (from: number) => emulator.events.slice(from).map(({ event_type: type }) => type);

  test("is taken only when the lamp is sold, and refunded in full", async () => {
    const from = emulator.events.length;
    const purchase = await merchant.placed();
    const { action } = await merchant.pay(purchase, "paypal");
    emulator.approve(orderOf(action?.url));
    await deliver(from, 3);
    await merchant.becomes(purchase, "paid", 5_000);
    await deliver(from, 2);
    expect(since(from)).toEqual(["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED"]);
    const path = `/v1/admin/orders/${purchase.order.id}/refunds`;
    await merchant.client.call("POST", path, SECRETS.ADMIN_KEY, { reason: "scratched" });
    await merchant.becomes(purchase, "refunded", 10_000);
  });

  test("is paid without a single callback", async () => {
    const purchase = await merchant.placed();
    const { action } = await merchant.pay(purchase, "paypal");
    emulator.approve(orderOf(action?.url));
    await merchant.becomes(purchase, "paid", 60_000);
  });

  test("that was approved too late is never taken", async () => {
    const from = emulator.events.length;
    const purchase = await merchant.placed({ holdSeconds: 2 });
    const { action } = await merchant.pay(purchase, "paypal");
    await merchant.becomes(purchase, "expired", 20_000);
    emulator.approve(orderOf(action?.url));
    await deliver(from, 1);
    const stock = () => merchant.client.stock(purchase.sku);
    await until("the unit is free", 5_000, stock, ({ available }) => available === 1);
    expect((await merchant.client.read(purchase.token, purchase.order.id)).body.state).toBe("expired");
    expect(since(from)).toEqual(["CHECKOUT.ORDER.APPROVED"]);
  });
});

describe("the emulator, driven by PayPal's own package", () => {
  let server: Awaited<ReturnType<typeof overHttp>>;
  let orders: OrdersController;
  let payments: PaymentsController;

  beforeAll(async () => {
    server = await overHttp(emulator.answer);
    // The package knows PayPal's addresses only: what it sends there comes out here.
    const edge = new Agent();
    edge.createConnection = () => connect(server.port, "127.0.0.1");
    const client = new Client({
      clientCredentialsAuthCredentials: {
        oAuthClientId: emulator.clientId,
        oAuthClientSecret: emulator.clientSecret,
      },
      environment: Environment.Production,
      httpClientOptions: { httpsAgent: edge },
    });
    orders = new OrdersController(client);
    payments = new PaymentsController(client);
  });
  afterAll(() => server.close());

  const amount = (value: string) => ({ currencyCode: "EUR", value });
  const prefer = "return=representation";

  test("an order is made once, approved, captured once and refunded in parts", async () => {
    const wanted = {
      paypalRequestId: "order-of-the-package",
      prefer,
      body: {
        intent: CheckoutPaymentIntent.Capture,
        purchaseUnits: [{ customId: "pay_of_the_package", amount: amount("19.99") }],
      },
    };
    const { result: made } = await orders.createOrder(wanted);
    expect(made).toMatchObject({ status: "PAYER_ACTION_REQUIRED" });
    expect((await orders.createOrder(wanted)).result.id).toBe(made.id);
    const id = made.id ?? "";
    await expect(orders.captureOrder({ id, paypalRequestId: "too-early", prefer })).rejects.toMatchObject({
      statusCode: 422,
    });
    emulator.approve(id);
    expect((await orders.getOrder({ id })).result.status).toBe("APPROVED");
    const take = () => orders.captureOrder({ id, paypalRequestId: "capture-of-the-package", prefer });
    const { result: captured } = await take();
    const [capture] = captured.purchaseUnits?.[0]?.payments?.captures ?? [];
    expect([captured.status, capture?.amount]).toEqual(["COMPLETED", amount("19.99")]);
    expect((await take()).result.status).toBe("COMPLETED");
    const back = (value: string, paypalRequestId: string) =>
      payments.refundCapturedPayment({
        captureId: capture?.id ?? "",
        paypalRequestId,
        prefer,
        body: { amount: amount(value) },
      });
    const { result: refunded } = await back("5.00", "refund-of-the-package");
    expect(refunded.status).toBe("COMPLETED");
    expect((await back("5.00", "refund-of-the-package")).result.id).toBe(refunded.id);
    await expect(back("15.00", "too-much")).rejects.toMatchObject({ statusCode: 422 });
    await expect(orders.getOrder({ id: "NEVER0001" })).rejects.toMatchObject({ statusCode: 404 });
  });
});
