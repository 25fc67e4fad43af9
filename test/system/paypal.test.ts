import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keyPair } from "../providers/keys.ts";
import { PayPalEmulator } from "../providers/paypal/emulator.ts";
import { Merchant } from "./merchant.ts";
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
