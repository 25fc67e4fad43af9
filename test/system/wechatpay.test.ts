import { X509Certificate, type KeyLike } from "node:crypto";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as Plugin from "wechatpay-axios-plugin";
import { certificateOf } from "../providers/certificates.ts";
import { keyPair } from "../providers/keys.ts";
import { WechatPayEmulator } from "../providers/wechatpay/emulator.ts";
import { Merchant } from "./merchant.ts";
import { overHttp } from "./over-http.ts";
import { SECRETS } from "./server.ts";

/** A package for merchants by people who are not us. */
const { Wechatpay, Formatter, Rsa, Aes } = createRequire(import.meta.url)(
  "wechatpay-axios-plugin",
) as typeof Plugin;

const [own, platform] = await Promise.all([keyPair(), keyPair()]);
const emulator = new WechatPayEmulator(own, platform);
const CERTIFICATE_SERIAL = "440024045C4A427599D09BB4E3DE0279F2E813FD";
const certificate = {
  serial: CERTIFICATE_SERIAL,
  pair: platform,
  pem: await certificateOf(platform, { serial: CERTIFICATE_SERIAL }),
};

describe("a purchase by WeChat Pay", () => {
  let merchant: Merchant;

  beforeAll(async () => {
    const account = JSON.stringify({
      appid: emulator.appid,
      mchid: emulator.mchid,
      private_key: own.privateKey,
      serial: emulator.serial,
      api_v3_key: emulator.apiV3Key,
      platform_keys: { [emulator.keyId]: platform.publicKey },
      download_certificates: true,
    });
    merchant = await Merchant.open({ WECHATPAY_ACCOUNT_MAIN: account }, "wechatpay", {
      "api.mch.weixin.qq.com": emulator.answer,
    });
  });
  afterAll(() => merchant.close());
  afterAll(() => {
    expect(merchant.lines.some((line) => line.includes('"order_transition"'))).toBe(true);
    const told = ["ciphertext", "weixin://", "WECHATPAY2", "paySign", "oUpF8uMuAJO", "trade_state"];
    const keys = [own.privateKey.slice(40, 80), emulator.apiV3Key, SECRETS.ADMIN_KEY];
    expect(merchant.leaked([...keys, ...told])).toEqual([]);
  });

  /** Notifies about everything since, each in a seal of its own and so many times. */
  async function deliver(from: number, times: number): Promise<void> {
    for (const { type, resource } of emulator.notifications.slice(from)) {
      const body = await emulator.sealed(type, resource);
      for (let i = 0; i < times; i++) {
        const { headers } = await emulator.signed(200, body);
        expect(await merchant.callBack("wechatpay", new Headers(headers), body)).toBe(200);
      }
    }
  }

  test("by code: notified five times it is paid once, refunded it ends when the refund does", async () => {
    const from = emulator.notifications.length;
    const purchase = await merchant.placed();
    const { id, action } = await merchant.pay(purchase, "wechatpay");
    expect(action).toEqual({ type: "qr", content: `weixin://wxpay/bizpayurl?pr=${id}` });
    emulator.pay(id);
    await deliver(from, 5);
    await merchant.becomes(purchase, "paid", 5_000);

    const path = `/v1/admin/orders/${purchase.order.id}/refunds`;
    const asked = await merchant.client.call("POST", path, SECRETS.ADMIN_KEY, { reason: "broken" });
    expect(asked.status).toBe(202);
    await expect
      .poll(() => emulator.settle() ?? emulator.notifications.length, { timeout: 10_000 })
      .toBe(from + 2);
    await deliver(from + 1, 3);
    await merchant.becomes(purchase, "refunded", 5_000);
    expect(await merchant.client.admin("/v1/admin/cases")).toMatchObject({ data: [] });
  });

  test("without a single notification", async () => {
    const purchase = await merchant.placed();
    const { id } = await merchant.pay(purchase, "wechatpay", "h5");
    emulator.pay(id);
    await merchant.becomes(purchase, "paid", 60_000);
  });

  test("goes on when WeChat Pay begins to sign with a certificate that nobody has configured", async () => {
    const { signer } = emulator;
    emulator.certificates = [certificate];
    emulator.signer = certificate;
    try {
      const from = emulator.notifications.length;
      const purchase = await merchant.placed();
      const { id } = await merchant.pay(purchase, "wechatpay");
      emulator.pay(id);
      await deliver(from, 1);
      await merchant.becomes(purchase, "paid", 5_000);
    } finally {
      emulator.certificates = [];
      emulator.signer = signer;
    }
  });

  test("inside WeChat needs to know who pays", async () => {
    const { token, order } = await merchant.placed();
    const path = `/v1/orders/${order.id}/payments`;
    const pay = (more: Record<string, string>) =>
      merchant.client.call<{ errors?: { pointer: string }[]; action?: { type: string } }>(
        "POST",
        path,
        token,
        {
          provider: "wechatpay",
          method: "jsapi",
          ...more,
        },
      );
    expect((await pay({})).body.errors).toMatchObject([{ pointer: "/openid" }]);
    expect((await pay({ openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" })).body.action).toMatchObject({
      type: "client_secret",
    });
  });
});

describe("the emulator, driven by a package for merchants", () => {
  let server: Awaited<ReturnType<typeof overHttp>>;
  let wxpay: Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- a chain of names is its interface

  const packageKnowing = (certs: Record<string, KeyLike>): typeof wxpay =>
    new Wechatpay({
      mchid: emulator.mchid,
      serial: emulator.serial,
      privateKey: String(Rsa.fromPkcs8(own.privateKey).export({ format: "pem", type: "pkcs8" })),
      certs,
      baseURL: `http://127.0.0.1:${server.port}/`,
    });

  beforeAll(async () => {
    server = await overHttp(emulator.answer);
    wxpay = packageKnowing({ [emulator.keyId]: Rsa.fromSpki(platform.publicKey) });
  });
  afterAll(() => server.close());

  test("a transaction is made, paid, asked about, refunded; what is known already is said", async () => {
    const number = "pay_of_the_package_1";
    const { appid, mchid } = emulator;
    const wanted = {
      appid,
      mchid,
      description: "Lamp",
      out_trade_no: number,
      notify_url: "https://shop.example/notify",
      time_expire: "2099-01-01T00:00:00+08:00",
      amount: { total: 100, currency: "CNY" },
    };
    const transactions = wxpay["v3"].pay.transactions;
    expect((await transactions.native.post(wanted)).data).toMatchObject({
      code_url: expect.stringContaining("weixin:"),
    });
    const trade = transactions.outTradeNo["{out_trade_no}"];
    const asked = { params: { mchid }, out_trade_no: number };
    expect((await trade.get(asked)).data).toMatchObject({ trade_state: "NOTPAY" });
    emulator.pay(number);
    expect((await trade.get(asked)).data).toMatchObject({ trade_state: "SUCCESS", amount: { total: 100 } });
    await expect(trade.close.post({ mchid }, { out_trade_no: number })).rejects.toMatchObject({
      response: { status: 400, data: { code: "ORDERPAID" } },
    });
    const refund = {
      out_trade_no: number,
      out_refund_no: "r1",
      amount: { refund: 40, total: 100, currency: "CNY" },
    };
    expect((await wxpay["v3"].refund.domestic.refunds.post(refund)).data).toMatchObject({
      status: "PROCESSING",
    });
    await expect(trade.get({ params: { mchid }, out_trade_no: "never_used" })).rejects.toMatchObject({
      response: { status: 404, data: { code: "ORDER_NOT_EXIST" } },
    });
  });

  test("its platform certificates are believed and opened by the package, and are what they say", async () => {
    const { signer } = emulator;
    emulator.certificates = [certificate];
    emulator.signer = certificate;
    try {
      const { data } = (await packageKnowing({
        [CERTIFICATE_SERIAL]: certificate.pem,
      }).v3.certificates.get()) as {
        data: { data: { encrypt_certificate: Record<"ciphertext" | "nonce" | "associated_data", string> }[] };
      };
      const opened = data.data.map(({ encrypt_certificate: { ciphertext, nonce, associated_data: aad } }) =>
        Aes.AesGcm.decrypt(ciphertext, emulator.apiV3Key, nonce, aad),
      );
      expect(opened).toEqual([certificate.pem]);
      expect(new X509Certificate(certificate.pem).serialNumber).toBe(CERTIFICATE_SERIAL);
    } finally {
      emulator.certificates = [];
      emulator.signer = signer;
    }
  });

  test("what the emulator notifies, the package verifies and opens", async () => {
    const body = await emulator.sealed("TRANSACTION.SUCCESS", { out_trade_no: "x" });
    const { headers } = await emulator.signed(200, body);
    const [timestamp, nonce, signature] = ["timestamp", "nonce", "signature"].map(
      (name) => headers.get(`wechatpay-${name}`) ?? "",
    ) as [string, string, string];
    const signed = Formatter.response(timestamp, nonce, body);
    expect(Rsa.verify(signed, signature, Rsa.fromSpki(platform.publicKey))).toBe(true);
    const { resource } = JSON.parse(body) as {
      resource: Record<"ciphertext" | "nonce" | "associated_data", string>;
    };
    const { ciphertext, nonce: iv, associated_data: aad } = resource;
    expect(Aes.AesGcm.decrypt(ciphertext, emulator.apiV3Key, iv, aad)).toBe('{"out_trade_no":"x"}');
  });
});
