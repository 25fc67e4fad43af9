import { afterAll, beforeAll, expect, test } from "vitest";
import { paymentIdOf, refundIdOf } from "../../schema/ids.ts";
import { chanceOf } from "../chance.ts";
import { bankCallback } from "../fixtures/bank-callback.ts";
import { bytesOf, sent, Wire, type Shot } from "../fixtures/wire.ts";
import { ApiDocument } from "../fuzz/document.ts";
import { town, type Town } from "../fuzz/town.ts";
import {
  bankShot,
  orderShot,
  paidShot,
  payShot,
  refundShot,
  Shop,
  staffShot,
  type Asked,
  type Bought,
} from "../races/shop.ts";
import { SECRETS, until } from "./server.ts";

/** The product and everything around it are started first, on a machine that may be busy. */
const START_MS_MAX = 300_000;

/** A purchase from its placing to its refund, with everything that goes wrong between a client and a server. */

const PART = 60;
const ARRIVE_MS = 15;
let place: Town;
let shop: Shop;
let origin: string;

beforeAll(async () => {
  place = await town();
  ({ origin } = place.merchant.client);
  shop = new Shop(place.merchant.client, await ApiDocument.at(origin));
  await shop.client.behave({ callbacks: "none" });
}, START_MS_MAX);
afterAll(() => place.merchant.close());

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, ARRIVE_MS));

/** Where a client goes away: after this much of its request. */
const CUTS = {
  "in the middle of the head": (bytes: Buffer) => bytes.indexOf("\r\n") + 20,
  "after the head": (bytes: Buffer) => bytes.indexOf("\r\n\r\n") + 4,
  "before the last byte": (bytes: Buffer) => bytes.length - 1,
  "with the answer unread": (bytes: Buffer) => bytes.length,
} as const;
type Cut = keyof typeof CUTS;
const ALL = Object.keys(CUTS) as Cut[];

async function cutOff(shot: Shot, cut: Cut, ms: number): Promise<void> {
  const wire = await Wire.open(origin);
  const bytes = bytesOf(shot);
  wire.write(bytes.subarray(0, CUTS[cut](bytes)));
  await new Promise((resolve) => setTimeout(resolve, ms));
  wire.cut();
}

/** Sends a request until it has been answered: cut off first, then whole, then once more. Answers with what both of these said. */
async function through(shot: Shot, cut: Cut | undefined, ms: number) {
  if (cut) await cutOff(shot, cut, ms);
  const answered = () =>
    until(
      "an answer that is one",
      15_000,
      () => sent(origin, shot),
      ({ body }) => body?.code !== "idempotency_in_flight",
    );
  const first = await answered();
  const again = await answered();
  return [first, again] as const;
}

const STEPS = ["order", "pay", "approve", "callback", "refund"] as const;
type Step = (typeof STEPS)[number];

/** The whole chain, cut where it says. Whatever happens on the way, its end is one order, one payment and one refund. */
async function live(cuts: Partial<Record<Step, Cut>>, ms: () => number = () => 2): Promise<void> {
  const at = await shop.sale({ stock: 3 });
  const token = await shop.buyer();
  const [placed, replaced] = await through(orderShot(at, token, shop.fresh("key")), cuts.order, ms());
  expect([placed.status, replaced.status, replaced.body.id]).toEqual([201, 201, placed.body.id]);
  const bought: Bought = shop.remember(placed.body, { ...at, token, key: "", race: "chain" });

  const [started, restarted] = await through(payShot(bought, shop.fresh("key")), cuts.pay, ms());
  expect([started.status, restarted.status, restarted.body.id]).toEqual([201, 201, started.body.id]);
  const asked: Asked = {
    ...bought,
    payKey: "",
    bank: String(started.body.action.url).split("/").at(-1) ?? "",
  };

  for (const answer of await through(bankShot(asked, "approve"), cuts.approve, ms()))
    expect(answer.status).toBe(200);
  for (const answer of await through(paidShot(asked), cuts.callback, ms())) expect(answer.status).toBe(200);
  await shop.becomes(asked, "paid");

  const [refund, again] = await through(refundShot(bought, PART, shop.fresh("key")), cuts.refund, ms());
  expect([refund.status, again.status, again.body.id]).toEqual([202, 202, refund.body.id]);
  await ended(asked);
}

async function ended(asked: Asked): Promise<void> {
  const read = async () => (await shop.client.read(asked.token, asked.id)).body;
  const order = await until(
    "the refund is over",
    15_000,
    read,
    ({ refunds }) => refunds[0]?.state === "succeeded",
  );
  expect(order).toMatchObject({
    state: "paid",
    payments: [{ state: "succeeded" }],
    refunds: [{ state: "succeeded" }],
  });
  expect([order.payments.length, order.refunds.length]).toEqual([1, 1]);
  const stock = () => shop.client.stock(asked.sku);
  await until(
    "one unit is sold",
    15_000,
    stock,
    ({ sold, held, available }) => sold === 1 && held === 0 && available === 2,
  );
  const { data } = await shop.client.admin<{ data: object[] }>(
    `/sandbox/v1/statement?after=${previous(asked.bank)}`,
  );
  expect(data[0]).toMatchObject({ order: asked.id, state: "succeeded", refunded: { amount: PART } });
}

/** What stands right before a bank's id. */
const previous = (id: string): string => id.slice(0, -1);

test.for(STEPS.flatMap((step) => ALL.map((cut) => [step, cut] as const)))(
  "cut off at %s, %s: repeated, it is one purchase",
  ([step, cut]) => live({ [step]: cut }),
);

test("cut off anywhere and everywhere, at any moment: one purchase each", async () => {
  const seed = Date.now() % 1_000_000;
  const chance = chanceOf(seed);
  const lives = Array.from({ length: 24 }, () => {
    const cuts = STEPS.filter(() => chance() < 0.7).map(
      (step) => [step, ALL[Math.floor(chance() * ALL.length)]] as const,
    );
    return live(Object.fromEntries(cuts), () => Math.floor(chance() * 12));
  });
  const results = await Promise.allSettled(lives);
  expect(
    results.filter(({ status }) => status === "rejected"),
    `seed ${seed}`,
  ).toEqual([]);
});

/** Everything that somebody else may try with an order, and what they must be told. */
async function intrude(asked: Asked, name: string): Promise<void> {
  const before = (await shop.client.read(asked.token, asked.id)).body;
  const stranger = await shop.buyer();
  const other = await shop.asked(await shop.placed(asked, "chain"));
  const keyOf = async (role: string): Promise<string> =>
    (await sent(origin, staffShot("POST", "/v1/admin/staff-keys", { name: role, role }))).body.key;
  const [viewer, support] = [await keyOf("viewer"), await keyOf("support")];
  const as = (shot: Shot, token: string): Shot => ({ ...shot, token });
  const news = (order: string, reference: string) =>
    bankCallback(SECRETS.SANDBOX_WEBHOOK_SECRET, {
      event: shop.fresh("evt_swap"),
      type: reference.startsWith("ref") ? "refund.succeeded" : "payment.succeeded",
      payment: asked.bank,
      order,
      reference,
      amount: { amount: 100, currency: "CNY" },
    });
  const retry = (order: Asked, of: Asked) =>
    staffShot("POST", `/v1/admin/orders/${order.id}/refunds/${refundIdOf(of.id, 1)}/retry`);
  const tries: [string, Shot, number][] = [
    ["another buyer reads it", { method: "GET", path: `/v1/orders/${asked.id}`, token: stranger }, 404],
    ["another buyer pays it", as(payShot(asked), stranger), 404],
    ["another buyer pays it with its own key", as(payShot(asked, asked.payKey), stranger), 404],
    [
      "another buyer cancels it",
      { method: "POST", path: `/v1/orders/${asked.id}/cancel`, token: stranger },
      404,
    ],
    ["a staff key cancels it", staffShot("POST", `/v1/orders/${asked.id}/cancel`), 401],
    ["its buyer gives the money back", as(refundShot(asked, 1), asked.token), 401],
    ["a viewer gives the money back", as(refundShot(asked, 1), viewer), 403],
    ["support gives the money back", as(refundShot(asked, 1), support), 403],
    ["its refund under another order's name", retry(other, asked), 404],
    ["the money of another order", news(asked.id, paymentIdOf(other.id, 1)), 400],
    ["its money for another order", news(other.id, paymentIdOf(asked.id, 1)), 400],
    ["a refund of another order", news(asked.id, refundIdOf(other.id, 1)), 400],
    ["a payment that it never had", news(asked.id, paymentIdOf(asked.id, 9)), 200],
    [
      "its bank's word at another provider's door",
      { ...paidShot(asked), path: "/v1/webhooks/wechatpay" },
      401,
    ],
    [
      "its bank's word at a door that there is not",
      { ...paidShot(asked), path: "/v1/webhooks/sandbox/second" },
      404,
    ],
  ];
  for (const [what, shot, status] of tries)
    expect((await sent(origin, shot)).status, `${name}: ${what}`).toBe(status);
  await pause();
  const after = (await shop.client.read(asked.token, asked.id)).body;
  expect(after, `${name}: it is as it was`).toEqual({
    ...before,
    version: expect.any(Number),
    updated_at: expect.any(String),
  });
}

test("whoever comes with somebody else's order, payment, refund, token, role or door changes nothing, at no point of it", async () => {
  const at = await shop.sale({ stock: 50 });
  const asked = await shop.asked(await shop.placed(at, "chain"));
  await intrude(asked, "while it is being paid");
  await shop.paid(await shop.approved(asked));
  await intrude(asked, "when it is paid");
  expect((await sent(origin, refundShot(asked, PART))).status).toBe(202);
  const read = async () => (await shop.client.read(asked.token, asked.id)).body;
  await until("it is refunded", 15_000, read, ({ refunds }) => refunds[0]?.state === "succeeded");
  await intrude(asked, "when a part was given back");
  const { data } = await shop.client.admin<{ data: { kind: string; order: string }[] }>("/v1/admin/cases");
  const mine = data.filter(({ order }) => order === asked.id).map(({ kind }) => kind);
  expect(new Set(mine), "the payment that it never had is looked at by people").toEqual(
    new Set(["unknown_payment"]),
  );
});

test("a key is its buyer's: the same key of another buyer is another order", async () => {
  const at = await shop.sale({ stock: 5 });
  const [one, other, key] = [await shop.buyer(), await shop.buyer(), shop.fresh("key")];
  const first = await sent(origin, orderShot(at, one, key));
  const second = await sent(origin, orderShot(at, other, key));
  expect([first.status, second.status, second.headers.get("idempotent-replayed")]).toEqual([
    201,
    201,
    undefined,
  ]);
  expect(second.body.id).not.toBe(first.body.id);
});

test("another account's word about a payment is a case, and pays nothing", async () => {
  const at = await shop.sale({ stock: 5 });
  const bought = await shop.placed(at, "chain");
  const paying = { ...payShot(bought), body: { provider: "wechatpay" } };
  const { status, body } = await sent(origin, paying);
  expect(status).toBe(201);
  place.wechat.pay(body.id);
  const news = place.wechat.notifications.at(-1);
  const sealed = await place.wechat.sealed(news?.type ?? "", news?.resource ?? {});
  const { headers } = await place.wechat.signed(200, sealed);
  const letter = { method: "POST", headers: Object.fromEntries(headers), body: sealed };
  expect((await sent(origin, { ...letter, path: "/v1/webhooks/wechatpay/second" })).status).toBe(200);
  const look = async () =>
    (await shop.client.admin<{ data: { kind: string; order: string }[] }>("/v1/admin/cases")).data;
  await until("a case", 10_000, look, (all) =>
    all.some(({ kind, order }) => kind === "wrong_account" && order === bought.id),
  );
  expect((await shop.client.read(bought.token, bought.id)).body.state).toBe("paying");
  expect((await sent(origin, { ...letter, path: "/v1/webhooks/wechatpay" })).status).toBe(200);
  await shop.becomes(bought, "paid");
});
