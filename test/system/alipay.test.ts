import { AlipaySdk } from "alipay-sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificateNumber, rootNumber } from "../../worker/providers/alipay/certificates.ts";
import { AlipayEmulator } from "../providers/alipay/emulator.ts";
import { certificateOf } from "../providers/certificates.ts";
import { keyPair } from "../providers/keys.ts";
import { Merchant } from "./merchant.ts";
import { overHttp } from "./over-http.ts";
import { SECRETS, until } from "./server.ts";

const [app, own] = await Promise.all([keyPair(), keyPair()]);
const emulator = new AlipayEmulator(app, own);

const [appCert, ownCert, rootCert] = await Promise.all([
  certificateOf(app, { serial: "2020051862039D40" }),
  certificateOf(own, { serial: "20200514E63C2FE0" }),
  certificateOf(own, { serial: "1FCFA18D6A480D11" }),
]);
const NUMBERS = {
  app: certificateNumber(appCert) ?? "",
  root: rootNumber(rootCert) ?? "",
  alipay: certificateNumber(ownCert) ?? "",
};

/** The application is in certificate mode meanwhile. */
async function certified(work: () => Promise<void>): Promise<void> {
  emulator.certificates = NUMBERS;
  await work().finally(() => (emulator.certificates = null));
}

/** Alipay's own package, as somebody else's merchant would use it. */
const sdkAt = (gateway: string): AlipaySdk =>
  new AlipaySdk({
    appId: emulator.appId,
    privateKey: app.privateKey,
    keyType: "PKCS8",
    alipayPublicKey: own.publicKey,
    gateway,
    camelcase: false,
  });

describe("a purchase by Alipay", () => {
  let merchant: Merchant;

  beforeAll(async () => {
    const facts = { app_id: emulator.appId, seller_id: emulator.sellerId, private_key: app.privateKey };
    const certificates = { app: appCert, alipay: [ownCert], root: rootCert };
    const accounts = {
      ALIPAY_ACCOUNT_MAIN: JSON.stringify({ ...facts, alipay_public_key: own.publicKey }),
      ALIPAY_ACCOUNT_CERTIFIED: JSON.stringify({ ...facts, certificates }),
    };
    merchant = await Merchant.open(accounts, "alipay", { "openapi.alipay.com": emulator.answer });
  });
  afterAll(() => merchant.close());
  afterAll(() => {
    expect(merchant.lines.some((line) => line.includes('"order_transition"'))).toBe(true);
    const told = ["trade_status", "fund_bill_list", "biz_content", "qr.alipay.com", "gateway.do"];
    expect(merchant.leaked([app.privateKey.slice(40, 80), SECRETS.ADMIN_KEY, ...told])).toEqual([]);
  });

  async function deliver(from: number, times = 1, to = "alipay"): Promise<void> {
    const headers = new Headers({ "content-type": "application/x-www-form-urlencoded" });
    for (const fields of emulator.notifications.slice(from))
      for (let i = 0; i < times; i++)
        expect(await merchant.callBack(to, headers, await emulator.signed(fields))).toBe(200);
  }

  test("by page: the signed address opens, the notification pays, however often it comes", async () => {
    const from = emulator.notifications.length;
    const purchase = await merchant.placed();
    const { id, action } = await merchant.pay(purchase, "alipay");
    expect(action).toMatchObject({ type: "redirect", url: expect.stringContaining("openapi.alipay.com") });
    expect(await emulator.open(action?.url ?? "")).toBe(id);
    emulator.pay(id);
    await deliver(from, 5);
    await merchant.becomes(purchase, "paid", 5_000);
    const stock = () => merchant.client.stock(purchase.sku);
    await until("the unit is sold", 5_000, stock, ({ sold }) => sold === 1);
    expect(await merchant.client.admin("/v1/admin/cases")).toMatchObject({ data: [] });
  });

  test("by code, without a single notification", async () => {
    const purchase = await merchant.placed();
    const { id, action } = await merchant.pay(purchase, "alipay", "qr");
    expect(action).toMatchObject({ type: "qr", content: expect.stringContaining("qr.alipay.com") });
    emulator.pay(id);
    await merchant.becomes(purchase, "paid", 60_000);
  });

  test("of an application in certificate mode", () =>
    certified(async () => {
      const from = emulator.notifications.length;
      const purchase = await merchant.placed({ accounts: { alipay: "certified" } });
      const { id } = await merchant.pay(purchase, "alipay", "qr");
      emulator.pay(id);
      await deliver(from, 2, "alipay/certified");
      await merchant.becomes(purchase, "paid", 5_000);
    }));

  test("that went back in full ends as refunded, and the trade as closed", async () => {
    const purchase = await merchant.placed({ holdSeconds: 120 });
    const { id } = await merchant.pay(purchase, "alipay", "qr");
    emulator.pay(id);
    await merchant.becomes(purchase, "paid", 20_000);
    const path = `/v1/admin/orders/${purchase.order.id}/refunds`;
    const { status } = await merchant.client.call("POST", path, SECRETS.ADMIN_KEY, { reason: "broken" });
    expect(status).toBe(202);
    await merchant.becomes(purchase, "refunded", 20_000);
    expect(emulator.notifications.at(-1)).toMatchObject({
      trade_status: "TRADE_CLOSED",
      refund_fee: "199.00",
    });
  });
});

describe("the emulator, driven by Alipay's own package", () => {
  let server: Awaited<ReturnType<typeof overHttp>>;
  let sdk: AlipaySdk;

  beforeAll(async () => {
    server = await overHttp(emulator.answer);
    sdk = sdkAt(`http://127.0.0.1:${server.port}/gateway.do`);
  });
  afterAll(() => server.close());

  const exec = (method: string, bizContent: Record<string, string>) =>
    sdk.exec(method, { bizContent }, { validateSign: true });

  test("a trade is promised, scanned, paid, refunded in parts and asked about", async () => {
    const number = { out_trade_no: "pay_of_the_package_1" };
    const promise = { ...number, total_amount: "1.00", subject: "Lamp", time_expire: "2099-01-01 00:00:00" };
    expect(await exec("alipay.trade.precreate", promise)).toMatchObject({ code: "10000" });
    expect(await exec("alipay.trade.query", number)).toMatchObject({ sub_code: "ACQ.TRADE_NOT_EXIST" });
    emulator.arrive(number.out_trade_no);
    expect(await exec("alipay.trade.query", number)).toMatchObject({ trade_status: "WAIT_BUYER_PAY" });
    emulator.pay(number.out_trade_no);
    expect(await exec("alipay.trade.close", number)).toMatchObject({ sub_code: "ACQ.TRADE_STATUS_ERROR" });
    const part = { ...number, refund_amount: "0.40", out_request_no: "r1" };
    expect(await exec("alipay.trade.refund", part)).toMatchObject({ fund_change: "Y", refund_fee: "0.40" });
    expect(await exec("alipay.trade.refund", part)).toMatchObject({ fund_change: "N", refund_fee: "0.40" });
    expect(
      await exec("alipay.trade.fastpay.refund.query", { ...number, out_request_no: "r1" }),
    ).toMatchObject({ refund_status: "REFUND_SUCCESS", refund_amount: "0.40" });
  });

  test("in certificate mode both name the same certificates", () =>
    certified(async () => {
      const keys = {
        appId: emulator.appId,
        privateKey: app.privateKey,
        keyType: "PKCS8",
        camelcase: false,
      } as const;
      const inMode = new AlipaySdk({
        ...keys,
        appCertContent: appCert,
        alipayPublicCertContent: ownCert,
        alipayRootCertContent: rootCert,
        gateway: `http://127.0.0.1:${server.port}/gateway.do`,
      });
      const asked = inMode.exec(
        "alipay.trade.query",
        { bizContent: { out_trade_no: "never" } },
        { validateSign: true },
      );
      expect(await asked).toMatchObject({ sub_code: "ACQ.TRADE_NOT_EXIST" });
      // The package without certificates is told off, under a name whose signature it does not look for.
      await expect(exec("alipay.trade.query", { out_trade_no: "never" })).rejects.toThrow(
        "isv.invalid-app-cert-sn",
      );
    }));

  test("an address that the package signed opens, and what the emulator notifies the package believes", async () => {
    const url = sdk.pageExecute("alipay.trade.page.pay", "GET", {
      bizContent: {
        out_trade_no: "pay_of_the_package_2",
        total_amount: "1.00",
        subject: "Lamp",
        product_code: "FAST_INSTANT_TRADE_PAY",
        time_expire: "2099-01-01 00:00:00",
      },
      notify_url: "https://shop.example/notify",
    });
    expect(await emulator.open(url)).toBe("pay_of_the_package_2");
    const from = emulator.notifications.length;
    emulator.pay("pay_of_the_package_2");
    const [fields = {}] = emulator.notifications.slice(from);
    const form = Object.fromEntries(new URLSearchParams(await emulator.signed(fields)));
    expect(sdk.checkNotifySignV2(form)).toBe(true);
    expect(sdk.checkNotifySignV2({ ...form, total_amount: "0.01" })).toBe(false);
  });
});
