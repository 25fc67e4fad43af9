import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { orderOf } from "../../schema/ids.ts";
import { sandbox } from "../../worker/providers/sandbox/adapter.ts";
import { freshBank, Merchant, secret } from "../fixtures/bank.ts";
import { payment, pending, placement } from "../fixtures/orders.ts";

Merchant.standIn();

const { id: reference } = payment(pending());
const adapter = sandbox(freshBank().api(), secret);

const data = { payment: "bnk_1", reference, order: orderOf(reference), amount: 100, currency: "CNY" };
const good = { id: "evt_1", type: "payment.succeeded", created: 1_700_000_000, data };

function headersOf(text: string): Headers {
  const at = new Date();
  return new Headers({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(secret).sign("msg_1", at, text),
  });
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));

async function verdict(text: string, headers = headersOf(text), body = bytesOf(text)): Promise<string> {
  const said = await adapter.readNotice(headers, body, Date.now());
  return said.ok ? "read" : said.error.code;
}

describe("what the package would let through", () => {
  const text = JSON.stringify(good);

  test.for(["webhook-id", "webhook-timestamp", "webhook-signature"])(
    "a wrong, doubled or missing %s",
    async (name) => {
      const value = headersOf(text).get(name) ?? "";
      for (const wrong of [
        "",
        "0",
        "x",
        `${value}x`,
        `x${value}`,
        `${value},`,
        `${value} `.repeat(2),
        `${value}, ${value}`,
      ]) {
        const headers = headersOf(text);
        headers.set(name, wrong);
        // One signature among several is enough, and so is the same one twice.
        const isList = name === "webhook-signature" && wrong === `${value} `.repeat(2);
        expect(await verdict(text, headers), wrong).toBe(isList ? "read" : "invalid_signature");
      }
      const twice = headersOf(text);
      twice.append(name, value);
      expect(await verdict(text, twice)).toBe("invalid_signature");
    },
  );

  test("a time with letters behind it", async () => {
    const headers = headersOf(text);
    headers.set("webhook-timestamp", `${headers.get("webhook-timestamp") ?? ""}abc`);
    expect(() => new Webhook(secret).verify(text, Object.fromEntries(headers))).not.toThrow();
    expect(await verdict(text, headers)).toBe("invalid_signature");
  });

  test("bytes that only decode alike", async () => {
    // A replacement character is what a lenient decoder makes of a broken byte.
    const mended = JSON.stringify({ ...good, note: "\uFFFD" });
    const body = bytesOf(mended);
    const at = body.indexOf(0xef);
    const broken = new Uint8Array([...body.slice(0, at), 0xff, ...body.slice(at + 3)]);
    expect(new TextDecoder().decode(broken)).toBe(mended);
    expect(await verdict(mended)).toBe("read");
    expect(await verdict(mended, headersOf(mended), broken)).toBe("invalid_signature");
  });
});

const long = "x".repeat(5_000);
const changed = (facts: object, more: object = {}) => ({ ...good, ...facts, data: { ...data, ...more } });

test.for<[string, object]>([
  ["an endless id", changed({ id: long })],
  ["no id", changed({ id: "" })],
  ["an endless type", changed({ type: long })],
  ["a type that every object has", changed({ type: "constructor" })],
  ["a time that is text", changed({ created: "now" })],
  ["an endless reference", changed({}, { reference: long })],
  ["an endless payment", changed({}, { payment: long })],
  ["a part of a cent", changed({}, { amount: 1.5 })],
  ["more than a number can say", changed({}, { amount: 1e300 })],
  ["an endless currency", changed({}, { currency: long })],
])("well signed, with %s, is not readable", async ([, body]) => {
  expect(await verdict(JSON.stringify(body))).toBe("invalid_request");
});

test("nested without end is not readable", async () => {
  expect(await verdict("[".repeat(20_000) + "]".repeat(20_000))).toBe("invalid_request");
});

test("a field that the bank adds one day is no reason to refuse", async () => {
  expect(await verdict(JSON.stringify(changed({ news: 1 }, { more: 1 })))).toBe("read");
});

test("signatures are those of Standard Webhooks: its published vector", () => {
  const at = new Date(1_614_265_330_000);
  const signature = new Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    at,
    '{"test": 2432232314}',
  );
  expect(signature).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
});

test("what the bank sends, the adapter reads", async () => {
  const merchant = new Merchant();
  const order = pending(placement({ createdAt: Date.now() }));
  const of = payment(order, { callbackUrl: merchant.url, method: "bank" });
  const bank = freshBank().api();
  const provider = sandbox(bank, secret);
  const context = { order: order.order, description: "1 x Red lamp", payBy: Date.now() + 60_000 };
  const outcome = await provider.create(of, context);
  if (outcome.kind !== "action_required") throw new Error(outcome.kind);
  await bank.approve(outcome.providerRef);
  const [heard] = await merchant.hears(1);
  if (!heard) throw new Error("nothing heard");
  const report = {
    type: "payment_succeeded",
    payment: of.id,
    providerRef: outcome.providerRef,
    amount: of.amount,
  };
  expect(await provider.readNotice(heard.headers, bytesOf(heard.text), Date.now())).toMatchObject({
    ok: true,
    value: { event: heard.id, order: order.order, report },
  });
});

test("a capture of another sum takes nothing", async () => {
  const bank = freshBank().api();
  const order = pending(placement({ createdAt: Date.now() }));
  const of = payment(order, { method: "card" });
  const provider = sandbox(bank, secret);
  const context = { order: order.order, description: "1 x Red lamp", payBy: Date.now() + 60_000 };
  await provider.create(of, context);
  await bank.approve((await bank.queryPayment(of.id))?.id ?? "");
  const wrong = { ...of.amount, amount: of.amount.amount + 1 };
  expect(await provider.capture(of.id, wrong)).toMatchObject({ kind: "unknown" });
  expect(await provider.query(of.id)).toMatchObject({ kind: "authorized" });
});
