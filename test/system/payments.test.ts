import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { paymentIdOf, type OrderId } from "../../schema/ids.ts";
import type { OrderBody } from "../../worker/local/client.ts";
import { bankCallback } from "../fixtures/bank-callback.ts";
import { sent } from "../fixtures/wire.ts";
import { SECRETS, Server, until } from "./server.ts";

let server: Server;
let sales = 0;

beforeAll(async () => {
  server = await Server.fresh();
});
afterAll(async () => {
  await server.stop();
});
afterEach(() => server.client.behave({}));

interface Purchase {
  readonly token: string;
  readonly sku: string;
  readonly order: OrderBody;
}

/** An order of one lamp in a sale of its own. */
async function placed(facts: { stock?: number; holdSeconds?: number } = {}): Promise<Purchase> {
  const { client } = server;
  const sku = `lamp-pay-${++sales}`;
  await client.defineSale(`pay-${sales}`, sku, {
    stock: facts.stock ?? 5,
    holdSeconds: facts.holdSeconds ?? 120,
  });
  const token = await client.token(`payer-${sales}`);
  const { status, body } = await client.order(token, `pay-${sales}`, sku);
  expect(status).toBe(201);
  return { token, sku, order: body };
}

async function started({ token, order }: Purchase): Promise<string> {
  const payment = await server.client.startPayment(token, order.id);
  if (!payment) throw new Error("the payment was refused");
  return payment;
}

const becomes = ({ token, order }: Purchase, state: string, ms: number): Promise<OrderBody> =>
  until(
    `order ${state}`,
    ms,
    async () => (await server.client.read(token, order.id)).body,
    (seen) => seen.state === state,
  );

const settled = ({ sku }: Purchase, sold: number) =>
  until(
    "stock",
    5_000,
    () => server.client.stock(sku),
    (stock) => stock.sold === sold && stock.held === 0,
  );

test.for([
  ["duplicate", { callbacks: "duplicate" }],
  ["reordered", { callbacks: "reordered" }],
  ["delayed", { callbacks: "delayed", delay_ms: 1_500 }],
] as const)("%s callbacks end in the same paid order with one commit of stock", async ([, behaviour]) => {
  await server.client.behave(behaviour);
  const purchase = await placed();
  expect(await server.client.approve(await started(purchase))).toBe(true);
  await becomes(purchase, "paid", 12_000);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(await becomes(purchase, "paid", 1_000)).toMatchObject({
    refunds: [],
    payments: [{ state: "succeeded" }],
  });
  expect(await settled(purchase, 1)).toMatchObject({ sold: 1, available: 4 });
});

test("with no callback at all a paid order is paid within 60 seconds", async () => {
  await server.client.behave({ callbacks: "none" });
  const purchase = await placed();
  await server.client.approve(await started(purchase));
  await becomes(purchase, "paid", 60_000);
  await settled(purchase, 1);
});

test.each([
  ["at once", false],
  ["after the order has asked and heard that the bank waits", true],
])(
  "a create call whose answer is lost, repeated with the same key %s, finds the payment the bank made",
  async (_, asks) => {
    await server.client.behave({ create: "timeout_applied" });
    const purchase = await placed();
    const { client } = server;
    // The answer is lost: the same key is repeated and finds the payment that the bank did create.
    const key = `again-${purchase.order.id}`;
    const path = `/v1/orders/${purchase.order.id}/payments`;
    const first = await client.call<{ code: string }>(
      "POST",
      path,
      purchase.token,
      { provider: "sandbox" },
      key,
    );
    expect(first).toMatchObject({ status: 503, body: { code: "provider_unavailable" } });
    if (asks) {
      await client.call("POST", `/v1/admin/orders/${purchase.order.id}/query`, SECRETS.ADMIN_KEY);
      const read = async () => (await client.read(purchase.token, purchase.order.id)).body.payments[0]?.state;
      await until(
        "the order knows that the bank waits",
        10_000,
        read,
        (state) => state === "requires_action",
      );
    }
    const second = await client.call<{ action: { url: string } }>(
      "POST",
      path,
      purchase.token,
      { provider: "sandbox" },
      key,
    );
    expect(second.status).toBe(201);
    await client.approve(second.body.action.url.split("/").at(-1) ?? "");
    await becomes(purchase, "paid", 10_000);
    await settled(purchase, 1);
  },
);

test("a callback that comes before the create call has returned ends in the same paid order", async () => {
  await server.client.behave({ create: "timeout_applied" });
  const purchase = await placed();
  const { id, amount } = purchase.order;
  const creating = server.client.startPayment(purchase.token, id);
  await becomes(purchase, "paying", 2_000);
  const reference = paymentIdOf(id as OrderId, 1);
  const news = {
    event: `evt_${id}`,
    type: "payment.succeeded",
    payment: "bnk_early",
    order: id,
    reference,
    amount,
  };
  const answer = await sent(server.client.origin, bankCallback(SECRETS.SANDBOX_WEBHOOK_SECRET, news));
  expect(answer.status).toBe(200);
  await becomes(purchase, "paid", 2_000);
  // The bank is still silent: the order was paid while the buyer's own request was waiting for it.
  expect(await Promise.race([creating, Promise.resolve("waiting")])).toBe("waiting");
  await creating;
  expect(await becomes(purchase, "paid", 1_000)).toMatchObject({
    refunds: [],
    payments: [{ state: "succeeded" }],
  });
  expect(await settled(purchase, 1)).toMatchObject({ sold: 1, available: 4 });
});

test("a wrong amount in a callback changes nothing and opens a case; the truth still pays the order", async () => {
  await server.client.behave({ amount_delta: -1 });
  const purchase = await placed();
  await server.client.approve(await started(purchase));
  const cases = await until(
    "a case",
    5_000,
    () => server.client.admin<{ data: { kind: string; order: string }[] }>("/v1/admin/cases"),
    ({ data }) => data.some(({ order }) => order === purchase.order.id),
  );
  expect(cases.data.find(({ order }) => order === purchase.order.id)?.kind).toBe("amount_mismatch");
  expect((await server.client.read(purchase.token, purchase.order.id)).body.state).toBe("paying");
  await becomes(purchase, "paid", 15_000);
});

test("money that arrives after the order expired takes a unit that is still there", async () => {
  await server.client.behave({ close: "lies_closed_then_succeeds" });
  const purchase = await placed({ holdSeconds: 2 });
  await started(purchase);
  await becomes(purchase, "expired", 8_000);
  expect(await becomes(purchase, "paid", 8_000)).toMatchObject({ reason: null, refunds: [] });
  expect(await settled(purchase, 1)).toMatchObject({ sold: 1, available: 4 });
});

test("money that arrives after the unit is somebody else's goes back in full", async () => {
  const { client } = server;
  await client.behave({ close: "lies_closed_then_succeeds" });
  const purchase = await placed({ stock: 1, holdSeconds: 2 });
  await started(purchase);
  const other = await client.token("quick-one");
  // Presses until the unit is back, which is before the late money comes.
  await until(
    "the other buyer's order",
    8_000,
    () => client.order(other, purchase.order.id && `pay-${sales}`, purchase.sku),
    ({ status }) => status === 201,
  );
  const refunded = await becomes(purchase, "refunded", 10_000);
  expect(refunded).toMatchObject({
    reason: "late_payment",
    refunds: [{ state: "succeeded", reason: "late_payment" }],
  });
  expect((await client.stock(purchase.sku)).sold).toBe(0);
});

test("a card is authorized, the stock committed, and only then the money taken", async () => {
  const purchase = await placed();
  const path = `/v1/orders/${purchase.order.id}/payments`;
  const body = { provider: "sandbox", method: "card" };
  const { body: answer } = await server.client.call<{ action: { url: string } }>(
    "POST",
    path,
    purchase.token,
    body,
  );
  await server.client.approve(answer.action.url.split("/").at(-1) ?? "");
  await becomes(purchase, "paid", 5_000);
  await settled(purchase, 1);
  const { data } = await server.client.admin<{ data: { type: string }[] }>(
    `/v1/admin/orders/${purchase.order.id}/timeline`,
  );
  const steps = data
    .map(({ type }) => type)
    .filter((type) => ["payment_authorized", "stock_committed", "capture_payment", "paid"].includes(type));
  expect(steps).toEqual(["payment_authorized", "stock_committed", "capture_payment", "paid"]);
});
