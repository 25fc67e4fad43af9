import { describe, expect, test } from "vitest";
import { orderOf, refundIdOf } from "../../../schema/ids.ts";
import { outboundOf } from "../../../worker/providers/outbound.ts";
import type { Outbound } from "../../../worker/providers/port.ts";
import { WechatPayAccount } from "../../../worker/providers/wechatpay/account.ts";
import { wechatpay } from "../../../worker/providers/wechatpay/adapter.ts";
import { Envelope } from "../../../worker/providers/wechatpay/envelope.ts";
import { payment, pending, refund } from "../../fixtures/orders.ts";
import { providerConformance } from "../conformance.ts";
import { doors } from "../doors.ts";
import { keyPair } from "../keys.ts";
import { fresh, type Letter, type LetterFacts, type Provider } from "../provider.ts";
import { WechatPayEmulator } from "./emulator.ts";

const [merchant, platform, stranger] = await Promise.all([keyPair(), keyPair(), keyPair()]);
const emulated = (now?: () => number) => new WechatPayEmulator(merchant, platform, now);
const someone = emulated();

const ACCOUNT: WechatPayAccount = {
  appid: someone.appid,
  mchid: someone.mchid,
  private_key: merchant.privateKey,
  serial: someone.serial,
  api_v3_key: someone.apiV3Key,
  creations_per_second: 400,
  platform_keys: { [someone.keyId]: platform.publicKey },
  download_certificates: false,
};
const adapterOf = (send: Outbound, facts: Partial<WechatPayAccount> = {}) =>
  wechatpay("main", { ...ACCOUNT, ...facts }, outboundOf(send));

const some = payment(pending());

async function sign(body: string, at = Date.now(), secret?: string): Promise<Letter> {
  const { headers } = await someone.signed(200, body, at, secret ? stranger : platform);
  return { headers: new Headers(headers), body: new TextEncoder().encode(body) };
}

const transactionOf = ({ id, amount }: typeof some, facts: Record<string, unknown> = {}) => ({
  appid: someone.appid,
  mchid: someone.mchid,
  out_trade_no: id,
  transaction_id: "4200000001",
  trade_state: "SUCCESS",
  amount: { total: amount.amount, payer_total: 1, currency: amount.currency },
  ...facts,
});

const letterOf = async ({ event, payment: of = some, signedAt, secret }: LetterFacts) =>
  sign(await someone.sealed("TRANSACTION.SUCCESS", transactionOf(of), event), signedAt, secret);

async function make(): Promise<Provider> {
  const emulator = emulated();
  return {
    adapter: adapterOf(emulator.answer),
    oneStep: "native",
    twoStep: null,
    afterDecline: "open",
    neverCreated: "not_found",
    closes: true,
    settle: async () => emulator.settle(),
    approve: async ({ id }) => emulator.pay(id),
    decline: async () => {},
    unreachable: adapterOf(() => Promise.reject(new Error("connection refused"))),
    silent: adapterOf(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
    ),
    neverSeen: adapterOf(() => emulator.signed(200, '{"trade_state":"DREAMING","status":"DREAMING"}')),
    letter: async (type, facts = {}) => (type === "succeeded" ? letterOf(facts) : null),
    signed: sign,
    rewritten: ({ headers, body }) => ({
      headers,
      body: new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(body)), null, 1)),
    }),
    otherSecret: "the key of somebody else",
    signatureHeaders: ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature"],
    freshMs: 5 * 60_000,
    namesOrder: false,
  };
}

providerConformance({ name: "wechatpay", make });
doors("wechatpay", make, {
  settings: {
    WECHATPAY_ACCOUNT_MAIN: JSON.stringify(ACCOUNT),
    WECHATPAY_ACCOUNT_OTHER: JSON.stringify({
      ...ACCOUNT,
      platform_keys: { [someone.keyId]: stranger.publicKey },
    }),
    WECHATPAY_ACCOUNT_MERCHANT: JSON.stringify({ ...ACCOUNT, mchid: "1900000009" }),
    WECHATPAY_ACCOUNT_SEAL: JSON.stringify({ ...ACCOUNT, api_v3_key: "x".repeat(32) }),
  },
  others: ["wechatpay/other", "wechatpay/merchant", "wechatpay/seal", "wechatpay/nobody", "alipay"],
});

describe("money at WeChat Pay", () => {
  test.for([
    ["native", null, { type: "qr", content: expect.stringContaining("weixin://") }],
    ["h5", "203.0.113.7", { type: "redirect", url: expect.stringContaining("wx.tenpay.com") }],
  ] as const)("%s: the buyer is shown where to pay", async ([method, payer, action]) => {
    const adapter = adapterOf(emulated().answer);
    const { of, purchase } = fresh(method);
    expect(await adapter.create({ ...of, payer }, purchase)).toMatchObject({
      kind: "action_required",
      action,
    });
  });

  test("jsapi: the shop's page gets what the wallet takes, signed by us", async () => {
    const adapter = adapterOf(emulated().answer);
    const { of, purchase } = fresh("jsapi");
    const made = await adapter.create({ ...of, payer: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" }, purchase);
    if (made.kind !== "action_required" || made.action.type !== "client_secret") throw new Error(made.kind);
    const launch = JSON.parse(made.action.clientSecret) as Record<string, string>;
    const { appId, timeStamp, nonceStr, package: bundle, paySign = "" } = launch;
    expect(await merchant.verify(`${appId}\n${timeStamp}\n${nonceStr}\n${bundle}\n`, paySign)).toBe(true);
    expect(launch).toMatchObject({ appId: someone.appid, signType: "RSA" });
  });

  test("a number that was closed before it was ever used is not found, whatever the close said", async () => {
    const adapter = adapterOf(emulated().answer);
    const { of, purchase } = fresh();
    expect(await adapter.close(of, purchase)).toEqual({ kind: "not_found" });
  });

  test("a refund that the buyer's bank sent back has failed", async () => {
    const emulator = emulated();
    const adapter = adapterOf(emulator.answer);
    const { order, of, purchase } = fresh();
    await adapter.create(of, purchase);
    emulator.pay(of.id);
    const back = refund(order, { payment: of.id, reason: "坏了".repeat(60) });
    expect(await adapter.refund(back, of)).toEqual({ kind: "pending" });
    emulator.settle("ABNORMAL");
    expect(await adapter.queryRefund(back, of)).toEqual({ kind: "failed", failure: "ABNORMAL" });
  });

  test("an answer that WeChat Pay has not signed, of another time, or of another payment, is none", async () => {
    const emulator = emulated();
    const { of, purchase } = fresh();
    await adapterOf(emulator.answer).create(of, purchase);
    emulator.pay(of.id);
    const touched = (touch: (answer: Response) => Promise<Response>) =>
      adapterOf(async (request) => touch(await emulator.answer(request))).query(of, purchase);
    const saying = (facts: Record<string, unknown>) => JSON.stringify(transactionOf(of, facts));
    for (const touch of [
      async (answer: Response) => new Response((await answer.text()).replace("SUCCESS", "NOTPAY"), answer),
      async (answer: Response) => new Response(await answer.text()),
      async () => emulator.signed(200, saying({}), Date.now() - 400_000),
      async () => emulator.signed(200, saying({}), Date.now() + 400_000),
      async () => emulator.signed(200, saying({}), Date.now(), stranger),
      async () => emulator.signed(200, saying({ out_trade_no: some.id })),
      async () => emulator.signed(500, saying({})),
    ])
      expect((await touched(touch)).kind).toBe("unknown");
    expect((await touched(() => emulator.signed(200, saying({})))).kind).toBe("succeeded");
    const unsigned = adapterOf(emulator.answer, { private_key: stranger.privateKey });
    expect((await unsigned.query(of, purchase)).kind).toBe("unknown");
  });
});

test("a bill says in yuan what was paid and given back, and is the one that was promised", async () => {
  const emulator = emulated();
  const adapter = adapterOf(emulator.answer);
  const { order, of, purchase } = fresh();
  await adapter.create(of, purchase);
  emulator.pay(of.id);
  const back = refund(order, { payment: of.id, amount: { ...of.amount, amount: 40 } });
  await adapter.refund(back, of);
  expect(await adapter.bill?.("2026-11-21")).toEqual([
    { kind: "payment", reference: of.id, amount: of.amount },
    { kind: "refund", reference: back.id, amount: back.amount },
  ]);
  const touched = adapterOf(async (request) => {
    const answer = await emulator.answer(request);
    return request.url.includes("/file")
      ? new Response((await answer.text()).replace("1.00", "9.00"))
      : answer;
  });
  expect(await touched.bill?.("2026-11-21")).toMatchObject({ kind: "unknown" });
  const elsewhere = adapterOf(() =>
    emulator.signed(200, JSON.stringify({ hash_value: "0", download_url: "https://evil.example/bill" })),
  );
  expect(await elsewhere.bill?.("2026-11-21")).toMatchObject({ kind: "unknown" });
  const none = adapterOf(() => emulator.signed(400, JSON.stringify({ code: "NO_STATEMENT_EXIST" })));
  expect(await none.bill?.("2026-11-21")).toEqual([]);
});

test("a refusal may come without a signature, and never with a wrong one", async () => {
  const { of, purchase } = fresh();
  const refusal = JSON.stringify({ code: "ORDER_NOT_EXIST" });
  const plain = adapterOf(async () => new Response(refusal, { status: 404 }));
  expect(await plain.query(of, purchase)).toEqual({ kind: "not_found" });
  const forged = adapterOf(() => someone.signed(404, refusal, Date.now(), stranger));
  expect((await forged.query(of, purchase)).kind).toBe("unknown");
});

describe("a notification of WeChat Pay", () => {
  const read = async ({ headers, body }: Letter, facts: Partial<WechatPayAccount> = {}) =>
    adapterOf(async () => Response.error(), facts).readNotice(headers, body, Date.now());
  const code = async (letter: Letter, facts: Partial<WechatPayAccount> = {}) => {
    const said = await read(letter, facts);
    return said.ok ? "accepted" : said.error.code;
  };

  test.for([
    ["SUCCESS", { type: "refund_succeeded" }],
    ["ABNORMAL", { type: "refund_failed", failure: "ABNORMAL" }],
    ["CLOSED", { type: "refund_failed", failure: "CLOSED" }],
  ] as const)("of a refund that is %s", async ([refund_status, report]) => {
    const out_refund_no = refundIdOf(orderOf(some.id), 1);
    const resource = { mchid: someone.mchid, out_trade_no: some.id, out_refund_no, refund_status };
    expect(await read(await sign(await someone.sealed(`REFUND.${refund_status}`, resource)))).toMatchObject({
      ok: true,
      value: { report: { ...report, refund: out_refund_no } },
    });
  });

  test("the price counts, not what was left of it after a coupon", async () => {
    expect(await read(await letterOf({}))).toMatchObject({ value: { report: { amount: some.amount } } });
  });

  test("for another merchant or application is refused", async () => {
    for (const facts of [{ mchid: "1900000009" }, { appid: "wxffffffffffffffff" }])
      expect(
        await code(await sign(await someone.sealed("TRANSACTION.SUCCESS", transactionOf(some, facts)))),
      ).toBe("invalid_request");
    const resource = {
      mchid: "1900000009",
      out_trade_no: some.id,
      out_refund_no: refundIdOf(orderOf(some.id), 1),
      refund_status: "SUCCESS",
    };
    expect(await code(await sign(await someone.sealed("REFUND.SUCCESS", resource)))).toBe("invalid_request");
  });

  test("sealed with another key, or touched under a signature that is right, is not opened", async () => {
    const other = await someone.sealed("TRANSACTION.SUCCESS", transactionOf(some), "e", "x".repeat(32));
    expect(await code(await sign(other))).toBe("invalid_request");
    const body = JSON.parse(await someone.sealed("TRANSACTION.SUCCESS", transactionOf(some))) as {
      resource: Record<string, string>;
    };
    const sealed = Buffer.from(body.resource["ciphertext"] ?? "", "base64");
    for (const at of [0, 40, sealed.length - 17, sealed.length - 1]) {
      const flipped = Buffer.from(sealed);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      const ciphertext = flipped.toString("base64");
      const touched = { ...body, resource: { ...body.resource, ciphertext } };
      expect(await code(await sign(JSON.stringify(touched))), `byte ${at}`).toBe("invalid_request");
    }
    for (const name of ["nonce", "associated_data"]) {
      const touched = { ...body, resource: { ...body.resource, [name]: "another" } };
      expect(await code(await sign(JSON.stringify(touched)))).toBe("invalid_request");
    }
  });

  test("a probe with a false signature is refused", async () => {
    const sent = await letterOf({});
    const headers = new Headers(sent.headers);
    const probe = `WECHATPAY/SIGNTEST/${(headers.get("wechatpay-signature") ?? "").slice(19)}`;
    headers.set("wechatpay-signature", probe);
    expect(await code({ ...sent, headers })).toBe("invalid_signature");
  });

  test("signed with the old key or the new one is WeChat Pay's while it changes", async () => {
    const old = { PUB_KEY_ID_OLD: stranger.publicKey };
    const facts = { platform_keys: { ...old, ...ACCOUNT.platform_keys } };
    expect(await code(await letterOf({}), facts)).toBe("accepted");
    expect(await code(await letterOf({}), { platform_keys: old })).toBe("invalid_signature");
  });

  test("what was sealed without a context opens, and nothing at all does not", async () => {
    const envelope = new Envelope({ ...ACCOUNT, api_v3_key: "a".repeat(32) });
    const bytes = (text: string) => new TextEncoder().encode(text);
    const key = await crypto.subtle.importKey("raw", bytes("a".repeat(32)), "AES-GCM", false, ["encrypt"]);
    const iv = { name: "AES-GCM", iv: bytes("n".repeat(12)), additionalData: bytes("") };
    const ciphertext = Buffer.from(await crypto.subtle.encrypt(iv, key, bytes("灯"))).toString("base64");
    expect(await envelope.open({ ciphertext, nonce: "n".repeat(12), associated_data: "" })).toBe("灯");
    expect(await envelope.open({ ciphertext: "", nonce: "", associated_data: "" })).toBeNull();
  });
});

test("an account is its keys, and nothing that only looks like them", () => {
  expect(WechatPayAccount.safeParse(ACCOUNT).success).toBe(true);
  for (const wrong of [
    { appid: "mine" },
    { mchid: "1" },
    { private_key: "secret" },
    { serial: "xyz" },
    { api_v3_key: "short" },
    { platform_keys: {} },
    { platform_keys: { PUB_KEY_ID_1: "secret" } },
  ])
    expect(WechatPayAccount.safeParse({ ...ACCOUNT, ...wrong }).success).toBe(false);
});
