import { describe, expect, test } from "vitest";
import { orderOf, refundIdOf } from "../../../schema/ids.ts";
import type { Outbound } from "../../../worker/providers/port.ts";
import { AlipayAccount } from "../../../worker/providers/alipay/account.ts";
import { alipay } from "../../../worker/providers/alipay/adapter.ts";
import { rawMember } from "../../../worker/providers/alipay/signature.ts";
import { outboundOf } from "../../../worker/providers/outbound.ts";
import { beijingTime, fenOf, yuanOf } from "../../../worker/providers/yuan.ts";
import { payment, pending, refund } from "../../fixtures/orders.ts";
import { providerConformance } from "../conformance.ts";
import { doors } from "../doors.ts";
import { keyPair, type Pair } from "../keys.ts";
import {
  fresh,
  offering,
  type Letter,
  type LetterFacts,
  type LetterType,
  type Provider,
} from "../provider.ts";
import { AlipayEmulator } from "./emulator.ts";

const [app, own, stranger] = await Promise.all([keyPair(), keyPair(), keyPair()]);
const emulated = (now?: () => number) => new AlipayEmulator(app, own, now);
const { appId, sellerId } = emulated();

const ACCOUNT: AlipayAccount = {
  app_id: appId,
  seller_id: sellerId,
  private_key: app.privateKey,
  alipay_public_key: own.publicKey,
  codes_per_second: 50,
  environment: "production",
};
const adapterOf = (send: Outbound, facts: Partial<AlipayAccount> = {}) =>
  alipay("main", { ...ACCOUNT, ...facts }, outboundOf(send));

const some = payment(pending());

const STATUS = { succeeded: "TRADE_SUCCESS", closed: "TRADE_CLOSED", failed: "" } as const;

const fieldsOf = (
  type: LetterType,
  { event = "evt_1", payment: of = some, signedAt = Date.now() }: LetterFacts,
) => ({
  notify_id: event,
  notify_time: beijingTime(signedAt),
  notify_type: "trade_status_sync",
  app_id: appId,
  seller_id: sellerId,
  out_trade_no: of.id,
  trade_no: "2026112122001",
  trade_status: STATUS[type],
  total_amount: yuanOf(of.amount),
  subject: "1 x 红色的灯 & 50%+",
  ...(type === "succeeded" && { gmt_payment: "2026-11-21 10:00:00" }),
});

async function letterOf(fields: Record<string, string>, pair: Pair = own): Promise<Letter> {
  const body = await new AlipayEmulator(app, pair).signed(fields);
  return { headers: new Headers(), body: new TextEncoder().encode(body) };
}

async function make(): Promise<Provider> {
  const emulator = emulated();
  const strange = async (request: Request) => {
    const method = new URLSearchParams(await request.text()).get("method") ?? "";
    const member = '{"code":"12345","msg":"Dreaming"}';
    return new Response(
      `{"${method.replaceAll(".", "_")}_response":${member},"sign":"${await own.sign(member)}"}`,
    );
  };
  return {
    adapter: offering("qr", adapterOf(emulator.answer)),
    oneStep: "qr",
    twoStep: null,
    afterDecline: "open",
    neverCreated: "open",
    closes: true,
    settle: async () => {},
    approve: async ({ id }) => emulator.pay(id),
    decline: async ({ id }) => void emulator.arrive(id),
    unreachable: offering(
      "qr",
      adapterOf(() => Promise.reject(new Error("connection refused"))),
    ),
    silent: offering(
      "qr",
      adapterOf(
        ({ signal }) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
      ),
    ),
    neverSeen: offering("qr", adapterOf(strange)),
    letter: async (type, facts = {}) =>
      type === "failed" ? null : letterOf(fieldsOf(type, facts), facts.secret ? stranger : own),
    signed: (body) => letterOf(Object.fromEntries(new URLSearchParams(body))),
    rewritten: () => null,
    otherSecret: "the key of somebody else",
    signatureHeaders: [],
    freshMs: 26 * 3_600_000,
    namesOrder: false,
  };
}

providerConformance({ name: "alipay", make });
doors("alipay", make, {
  settings: {
    ALIPAY_ACCOUNT_MAIN: JSON.stringify(ACCOUNT),
    ALIPAY_ACCOUNT_OTHER: JSON.stringify({ ...ACCOUNT, alipay_public_key: stranger.publicKey }),
    ALIPAY_ACCOUNT_APP: JSON.stringify({ ...ACCOUNT, app_id: "2021000000000009" }),
    ALIPAY_ACCOUNT_SELLER: JSON.stringify({ ...ACCOUNT, seller_id: "2088000000000009" }),
  },
  others: ["alipay/other", "alipay/app", "alipay/seller", "alipay/nobody", "wechatpay"],
});

describe("money at Alipay", () => {
  function world() {
    let now = Date.now();
    const emulator = emulated(() => now);
    return { emulator, adapter: adapterOf(emulator.answer), pass: (ms: number) => (now += ms) };
  }

  test.for(["page", "wap"] as const)(
    "%s: the buyer is sent to an address that only we can have signed",
    async (way) => {
      const { emulator, adapter } = world();
      const { of, purchase } = fresh(way);
      const made = await adapter.create({ ...of, returnUrl: "https://shop.example/back" }, purchase);
      if (made.kind !== "action_required" || made.action.type !== "redirect") throw new Error(made.kind);
      expect(await adapter.create({ ...of, returnUrl: "https://shop.example/back" }, purchase)).toEqual(made);
      expect(await emulator.open(made.action.url)).toBe(of.id);
      await expect(emulator.open(made.action.url.replace("timestamp=2", "timestamp=1"))).rejects.toThrow();
      emulator.pay(of.id);
      expect(await adapter.query(of, purchase)).toMatchObject({ kind: "succeeded", amount: of.amount });
    },
  );

  test("a code that nobody has scanned may still be paid: it is open until its time is over, and a moment longer", async () => {
    const { adapter } = world();
    const ended = (ago: number) => {
      const { of, purchase } = fresh("qr");
      const payBy = Date.now() - ago;
      return [
        { ...of, createdAt: payBy - 600_000 },
        { ...purchase, payBy },
      ] as const;
    };
    for (const ask of [adapter.query, adapter.close]) {
      expect((await ask(...ended(60_000))).kind).toBe("open");
      expect((await ask(...ended(91_000))).kind).toBe("closed");
    }
  });

  test("a trade that came to be is closed, and nobody pays it any more", async () => {
    const { emulator, adapter } = world();
    const { of, purchase } = fresh("qr");
    await adapter.create(of, purchase);
    emulator.arrive(of.id);
    expect(await adapter.close(of, purchase)).toEqual({ kind: "closed" });
    emulator.pay(of.id);
    expect(await adapter.query(of, purchase)).toEqual({ kind: "closed" });
    expect(await adapter.close(of, purchase)).toEqual({ kind: "closed" });
    expect(await adapter.create(of, purchase)).toEqual({ kind: "closed" });
  });

  test("a trade that Alipay closed because all of it went back was paid", async () => {
    const { emulator, adapter } = world();
    const { order, of, purchase } = fresh("qr");
    await adapter.create(of, purchase);
    emulator.pay(of.id);
    const whole = refund(order, { payment: of.id });
    expect(await adapter.refund(whole, of)).toEqual({ kind: "succeeded" });
    expect(await adapter.query(of, purchase)).toMatchObject({ kind: "succeeded", amount: of.amount });
    // The answer to a repeat says that no money moved: the question says why.
    expect(await adapter.refund(whole, of)).toEqual({ kind: "pending" });
    expect(await adapter.queryRefund(whole, of)).toEqual({ kind: "succeeded" });
  });

  test("an answer that Alipay has not signed, or somebody has touched, is none", async () => {
    const { emulator } = world();
    const { of, purchase } = fresh("qr");
    emulator.pay(of.id);
    const touched = (touch: (text: string) => string) =>
      adapterOf(async (request) => new Response(touch(await (await emulator.answer(request)).text())));
    for (const touch of [
      (text: string) => text.replace("10000", "10001"),
      (text: string) => text.replace(/"sign":".*"/, '"sign":""'),
      (text: string) => text.replace(/,"sign":".*"/, ""),
      (text: string) => text.replace("_response", "_reply"),
      (text: string) => text.slice(0, -1),
      () => "<html>",
    ])
      expect((await touched(touch).create(of, purchase)).kind).toBe("unknown");
    const deaf = adapterOf(emulator.answer, { alipay_public_key: stranger.publicKey });
    expect((await deaf.create(of, purchase)).kind).toBe("unknown");
    const foreign = adapterOf(emulator.answer, { private_key: stranger.privateKey });
    expect((await foreign.query(of, purchase)).kind).toBe("unknown");
  });

  test("every instant is Beijing's, and every amount is written by digits", () => {
    expect(beijingTime(Date.UTC(2026, 10, 21, 16, 0, 1))).toBe("2026-11-22 00:00:01");
    for (const [yuan, fen] of [
      ["0.01", 1],
      ["1", 100],
      ["1.1", 110],
      ["100000000.00", 10_000_000_000],
      ["4.35", 435],
    ] as const)
      expect(fenOf(yuan)).toEqual({ amount: fen, currency: "CNY" });
    for (const wrong of ["", "1.", ".1", "1.005", "-1", "1e3", " 1", "1,00"]) expect(fenOf(wrong)).toBeNull();
    for (const amount of [1, 10, 99, 100, 19_900])
      expect(fenOf(yuanOf({ amount, currency: "CNY" }))?.amount).toBe(amount);
  });

  test("the signed text of an answer is found however it is written", () => {
    const member = '{"a":"}\\"{","b":{"c":"\\\\"},"d":"x\\/y"}';
    expect(rawMember(`{"x_response":${member},"sign":"s"}`, "x_response")).toBe(member);
    expect(rawMember(`{"sign":"s","x_response":${member}}`, "x_response")).toBe(member);
    expect(rawMember(`{"x_response":${member.slice(0, -1)}`, "x_response")).toBeNull();
    expect(rawMember("{}", "x_response")).toBeNull();
  });
});

/** A day's bill as Alipay packs it: a ZIP of tables in GBK, made by Python's `zipfile`, of one payment and a part given back. */
const BILL =
  "UEsDBBQAAAAIAABIdl1CmEdBDQEAAL0BAAAPAAAAMjA4OF9kZXRhaWwuY3N2U762fMe2jcsubT338fD38zs2vby4npdL+erpXUcX74o2MrCwMEAAQwNDU7NYXi6Ilr27L13fdVTn5Jndy7et3LoUyAQZcuDBhbNAsWPbD//efExny5a9K05t3PNE5+yrzSfBDJDSvR+2vVu84sqqxSt1zp7e/+7ory3ndh3VP/76+GegIRt3XF/Ey2VkYGRmaGhkaGQEtJZTpyCxMt7AoMI4MTHRxMDArKIiyaCypADhLE4dkGt0dr3ZekwHpFXX0FDXyFDB0MDKAISwiBnqGFpa6gGlOHXIsA3kbOJsM4SK6ZoY6JnqFKWmETAZGPi6IACLkIMXNr7d+/DUD7AgUBIc6uf3HFu8y3DjKQBQSwMEFAAAAAgAAEh2XR4ldVgxAAAALgAAABAAAAAyMDg4X3N1bW1hcnkuY3N2U979+PodXq7DR7e+2vhg11EdEOPw783HdPbuvnR928qtS6/f2Xjq1F9eLh0dQ14uAFBLAQIUAxQAAAAIAABIdl1CmEdBDQEAAL0BAAAPAAAAAAAAAAAAAACAAQAAAAAyMDg4X2RldGFpbC5jc3ZQSwECFAMUAAAACAAASHZdHiV1WDEAAAAuAAAAEAAAAAAAAAAAAAAAgAE6AQAAMjA4OF9zdW1tYXJ5LmNzdlBLBQYAAAAAAgACAHsAAACZAQAAAAA=";

test("a bill is a ZIP of tables in GBK: what was paid and given back, by our numbers", async () => {
  const signed = async (facts: Record<string, string>) => {
    const member = JSON.stringify({ code: "10000", ...facts });
    const name = "alipay_data_dataservice_bill_downloadurl_query_response";
    return new Response(`{"${name}":${member},"sign":"${await own.sign(member)}"}`);
  };
  const billAt = (url: string) =>
    adapterOf(async (request) =>
      request.url === url ? new Response(Buffer.from(BILL, "base64")) : signed({ bill_download_url: url }),
    ).bill?.("2026-11-21");
  expect(await billAt("https://dwbillcenter.alipay.com/downloadBillFile.resource?x=1")).toEqual([
    {
      kind: "payment",
      reference: "pay_00x3aaa4006xxb0ytp0000000101",
      amount: { amount: 19_900, currency: "CNY" },
    },
    {
      kind: "refund",
      reference: "ref_00x3aaa4006xxb0ytp0000000101",
      amount: { amount: 4_050, currency: "CNY" },
    },
  ]);
  for (const url of ["https://evil.example/bill", "http://dwbillcenter.alipay.com/", "https://xalipay.com/"])
    expect(await billAt(url)).toMatchObject({ kind: "unknown" });
  const none = adapterOf(() => signed({ code: "40004", sub_code: "isp.bill_not_exist" }));
  expect(await none.bill?.("2026-11-21")).toEqual([]);
});

describe("a notification of Alipay", () => {
  const adapter = adapterOf(async () => Response.error());
  const read = async ({ headers, body }: Letter) => adapter.readNotice(headers, body, Date.now());
  const sent = (facts: Record<string, string>) => letterOf({ ...fieldsOf("succeeded", {}), ...facts });

  test("of a refund names it, whatever has become of the trade", async () => {
    const id = refundIdOf(orderOf(some.id), 1);
    for (const trade_status of ["TRADE_SUCCESS", "TRADE_CLOSED"])
      expect(await read(await sent({ out_biz_no: id, refund_fee: "0.40", trade_status }))).toMatchObject({
        ok: true,
        value: { report: { type: "refund_succeeded", refund: id } },
      });
  });

  test("that a trade is closed means unpaid, or paid and gone back", async () => {
    const { gmt_payment: _, ...unpaid } = { ...fieldsOf("closed", {}), gmt_payment: "" };
    expect(await read(await letterOf(unpaid))).toMatchObject({
      value: { report: { type: "payment_closed" } },
    });
    expect(await read(await sent({ trade_status: "TRADE_CLOSED" }))).toMatchObject({
      value: { report: { type: "payment_succeeded" } },
    });
  });

  test("for another application, or another seller, is refused", async () => {
    for (const facts of [{ app_id: "2021000000000009" }, { seller_id: "2088000000000009" }])
      expect(await read(await sent(facts))).toMatchObject({ ok: false, error: { code: "invalid_request" } });
  });

  test("that says something twice, or names another algorithm, is refused", async () => {
    const { body } = await sent({});
    const text = new TextDecoder().decode(body);
    for (const changed of [
      `${text}&trade_status=TRADE_SUCCESS`,
      `total_amount=0.01&${text}`,
      text.replace("sign_type=RSA2", "sign_type=RSA"),
      text.replace("&sign_type=RSA2", ""),
    ]) {
      const letter = { headers: new Headers(), body: new TextEncoder().encode(changed) };
      expect(await read(letter)).toMatchObject({ ok: false, error: { code: "invalid_signature" } });
    }
  });

  test("with fields that are empty is read as either of Alipay's libraries signs it", async () => {
    const fields = { ...fieldsOf("succeeded", {}), body: "" };
    const content = (names: string[]) =>
      names
        .toSorted((a, b) => (a < b ? -1 : 1))
        .map((name) => `${name}=${(fields as Record<string, string>)[name]}`)
        .join("&");
    const names = Object.keys(fields);
    for (const signed of [names, names.filter((name) => name !== "body")]) {
      const form = new URLSearchParams({
        ...fields,
        sign: await own.sign(content(signed)),
        sign_type: "RSA2",
      });
      const letter = { headers: new Headers(), body: new TextEncoder().encode(form.toString()) };
      expect((await read(letter)).ok).toBe(true);
    }
  });

  test("is acknowledged with the one word that Alipay takes", async () => {
    expect(await adapter.acknowledge().text()).toBe("success");
  });
});

test("an account is its keys, in either form, and nothing that only looks like them", () => {
  expect(AlipayAccount.safeParse(ACCOUNT).success).toBe(true);
  const armoured = `-----BEGIN PRIVATE KEY-----\n${app.privateKey.replaceAll(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
  expect(AlipayAccount.safeParse({ ...ACCOUNT, private_key: armoured }).success).toBe(true);
  for (const wrong of [
    { app_id: "mine" },
    { seller_id: "1" },
    { private_key: own.publicKey },
    { private_key: "secret" },
    { alipay_public_key: app.privateKey },
    { environment: "staging" },
  ])
    expect(AlipayAccount.safeParse({ ...ACCOUNT, ...wrong }).success).toBe(false);
});
