import { expect, test } from "vitest";
import { orderIdOf, skuNumberOf, type OrderId } from "../../schema/ids.ts";
import type { Placement } from "../../schema/order.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import { startPayment } from "../../worker/checkout/pay.ts";
import { placeOrder } from "../../worker/checkout/place.ts";

/** Presses whose news meets that of an earlier one of the same buyer: what the Worker makes of the answers of two SKUs. */

const PRICE = { amount: 100, currency: "CNY" };
const LINES = ["lamp-a", "lamp-b"].map((sku) => ({ sku, quantity: 1 }));
const MINUTE_MS = 60_000;

type Answers = Record<string, (sku: string, ...args: never[]) => unknown>;

let count = 0;

/** A Worker whose SKUs, order and sale answer what they are told to, and the calls that its SKUs were asked, as `method sku`. */
function worldOf(skus: Answers, order: Answers = {}) {
  const sale = `late-presses-${++count}`;
  const asked: string[] = [];
  const called = (answers: Answers, name: string, writeDown: boolean) =>
    new Proxy(
      {},
      {
        get:
          (_, method: string) =>
          async (...args: never[]) => {
            if (writeDown) asked.push(`${method} ${name}`);
            return answers[method]?.(name, ...args);
          },
      },
    );
  const offers = LINES.map(({ sku }) => ({ sku, name: sku, price: PRICE, image: null }));
  const names = new Map(LINES.map(({ sku }) => [skuNumberOf(sku), sku]));
  const now = Date.now();
  const view = {
    sale: { id: sale, name: sale, opensAt: now - MINUTE_MS, closesAt: now + MINUTE_MS, perBuyerMax: 9 },
    offers,
  };
  const env = {
    PROVIDERS: "sandbox",
    ENVIRONMENT: "test",
    SANDBOX_WEBHOOK_SECRET: "whsec_c2VjcmV0",
    SANDBOX_BANK: { getByName: () => ({}) },
    GATE: { getByName: () => ({ view: async () => view }) },
    SKU: { getByName: (number: string) => called(skus, names.get(number) ?? "", true) },
    ORDER: { getByName: (id: string) => called(order, id, false) },
  } as unknown as Env;
  return { env, sale, asked };
}

const EARLIER = orderIdOf(skuNumberOf("lamp-a"), Date.now() - MINUTE_MS, new Uint8Array(5));

const placementOf = (order: OrderId, sale: string): Placement => ({
  order,
  sale,
  buyer: "ann",
  lines: LINES.map((line) => ({ ...line, name: line.sku, unitPrice: PRICE })),
  amount: { amount: 200, currency: "CNY" },
  createdAt: Date.now() - MINUTE_MS,
  payBy: Date.now() + MINUTE_MS,
});

/** A press whose key an earlier request has, of which its home knows nothing at first; then the home says what became of it. */
async function pressAgain(released: () => Result<string, { code: string }>, becomes: Placement | null) {
  let looks = 0;
  const { env, sale, asked } = worldOf({
    bindKey: (_, request: { order: OrderId; supersedes: OrderId | null }) =>
      ok({ order: request.supersedes ? request.order : EARLIER, boundAt: Date.now() - MINUTE_MS }),
    find: () => (looks++ > 0 && becomes ? { placement: becomes } : null),
    release: released,
    hold: (sku, { order }: { order: OrderId }) =>
      sku === "lamp-a"
        ? ok({ placement: placementOf(order, sale), replayed: false })
        : ok({
            placement: null,
            line: placementOf(order, sale).lines[1],
            heldUntil: Date.now(),
            replayed: false,
          }),
  });
  const answer = await placeOrder(env, { buyer: "ann", sale, lines: LINES, key: "key" });
  return { answer, asked: asked.filter((call) => !call.startsWith("bindKey")) };
}

test("a request that was believed dead and has been placed meanwhile is the answer, and nothing is taken from it", async () => {
  const { answer, asked } = await pressAgain(() => ok("claimed"), placementOf(EARLIER, "s"));
  expect(answer).toMatchObject({ ok: true, value: { replayed: true, order: { order: EARLIER } } });
  expect(asked).toEqual(["find lamp-a", "release lamp-a", "find lamp-a"]);
});

test("a request that is dead is dead at its home first, then elsewhere, and another order is placed under its key", async () => {
  const { answer, asked } = await pressAgain(() => ok("released"), null);
  expect(answer.ok && answer.value.order.order).not.toBe(EARLIER);
  expect(answer).toMatchObject({ ok: true, value: { replayed: false } });
  expect(asked.slice(0, 4)).toEqual(["find lamp-a", "release lamp-a", "find lamp-a", "release lamp-b"]);
});

test("a home that has no time to say whether a request is dead keeps the key from being used again", async () => {
  const { answer, asked } = await pressAgain(() => err({ code: "overloaded" }), null);
  expect(answer).toMatchObject({ ok: false, error: { code: "overloaded" } });
  expect(asked).toEqual(["find lamp-a", "release lamp-a"]);
});

test("a press that finds one line sold to its order already gives none of the others back", async () => {
  const inProgress = { code: "payment_in_progress", payment: "pay_x" };
  const { env, sale, asked } = worldOf(
    {
      find: () => ({ placement: placementOf(EARLIER, sale) }),
      claim: (sku) => (sku === "lamp-a" ? err({ code: "sold" }) : ok({})),
      release: () => ok("released"),
    },
    { view: () => null, start: () => err(inProgress) },
  );
  const { code } = inProgress;
  const request = { order: EARLIER, buyer: "ann", provider: "sandbox", method: null, returnUrl: null };
  const payer = { address: null, openid: null };
  const answer = await startPayment(env, { ...request, payer, key: "pay", origin: "http://shop.test" });
  expect(answer).toMatchObject({ ok: false, error: { code } });
  expect(asked).toEqual(["find lamp-a", "claim lamp-a", "claim lamp-b"]);
});
