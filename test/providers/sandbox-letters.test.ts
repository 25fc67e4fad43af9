import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { orderOf } from "../../schema/ids.ts";
import { sandbox } from "../../worker/providers/sandbox/adapter.ts";
import { freshBank, secret } from "../fixtures/bank.ts";
import { payment, pending } from "../fixtures/orders.ts";

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

async function verdict(text: string, headers = headersOf(text)): Promise<string> {
  const said = await adapter.readNotice(headers, new TextEncoder().encode(text), Date.now());
  return said.ok ? "read" : said.error.code;
}

test("a time with letters behind it, which the package reads as the time, is refused", async () => {
  const text = JSON.stringify(good);
  const headers = headersOf(text);
  headers.set("webhook-timestamp", `${headers.get("webhook-timestamp") ?? ""}abc`);
  expect(() => new Webhook(secret).verify(text, Object.fromEntries(headers))).not.toThrow();
  expect(await verdict(text, headers)).toBe("invalid_signature");
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

test("a field that the bank adds one day is no reason to refuse", async () => {
  expect(await verdict(JSON.stringify(changed({ news: 1 }, { more: 1 })))).toBe("read");
});
