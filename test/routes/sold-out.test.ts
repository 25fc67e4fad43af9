import { env } from "cloudflare:workers";
import { afterEach, expect, test, vi } from "vitest";
import { skuNumberOf } from "../../schema/ids.ts";
import { buyerHashOf, mayKnow, soldOutOf } from "../../schema/sold-out.ts";
import { skuActor } from "../../worker/actors.ts";
import { call, fresh, sale, tokenOf } from "./shop.ts";

afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number): void => {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now + ms);
};

/** A sale of one unit that somebody has, of which this isolate knows that nothing is free. */
async function soldOutSale(facts: Record<string, unknown> = {}) {
  const { id, sku } = await sale([1], facts);
  const buy = async (token: string, { key = fresh("key"), quantity = 1 } = {}) =>
    call("/v1/orders", { token, key, body: { sale: id, lines: [{ sku, quantity }] } });
  const owner = await tokenOf(fresh("owner"));
  const key = fresh("key");
  const first = await buy(owner, { key });
  expect(first.status).toBe(201);
  expect((await buy(await tokenOf(fresh("late")))).body.code).toBe("sold_out");
  const restock = () =>
    skuActor(env, skuNumberOf(sku)).restock({ key: fresh("r"), fingerprint: "f", delta: 1, reason: "found" });
  return { buy, owner, key, first, restock };
}

test("what is sold out is said from memory for less than a second, and a unit that comes back is sold within it", async () => {
  const { buy, restock } = await soldOutSale();
  await restock();
  const late = await tokenOf(fresh("late"));
  const refused = await buy(late);
  expect([refused.status, refused.body.code, refused.body.errors[0].pointer]).toEqual([
    409,
    "sold_out",
    "/lines/0",
  ]);
  pass(1_000);
  expect((await buy(late)).status).toBe(201);
});

test("one request a second asks again, before memory ends, and is sold what has come back", async () => {
  const { buy, restock } = await soldOutSale();
  await restock();
  pass(800);
  expect((await buy(await tokenOf(fresh("late")))).status).toBe(201);
});

test("a buyer who has an order is never refused from memory: the replay, the limit and the reused key have their answers", async () => {
  const { buy, owner, key, first } = await soldOutSale({ per_buyer_max: 1 });
  const again = await buy(owner, { key });
  expect([again.status, again.body.id, again.headers.get("idempotent-replayed")]).toEqual([
    201,
    first.body.id,
    "true",
  ]);
  expect((await buy(owner)).body.code).toBe("purchase_limit");
  expect((await buy(owner, { key, quantity: 2 })).body.code).toBe("idempotency_key_reused");
});

test("what a SKU would refuse for another reason is left to it", async () => {
  const { buy } = await soldOutSale({ per_buyer_max: 1 });
  expect((await buy(await tokenOf(fresh("late")), { quantity: 2 })).body.code).toBe("purchase_limit");
});

test("the memory knows every buyer it was told of", () => {
  const buyers = Array.from({ length: 2_000 }, (_, n) => `buyer-${n}`);
  const memory = soldOutOf(1, 0, buyers.map(buyerHashOf));
  expect(buyers.every((buyer) => mayKnow(memory, buyer))).toBe(true);
  const strangers = Array.from({ length: 2_000 }, (_, n) => `stranger-${n}`);
  expect(strangers.filter((buyer) => mayKnow(memory, buyer)).length).toBeLessThan(5);
  // Published vectors of FNV-1a.
  expect([buyerHashOf(""), buyerHashOf("a"), buyerHashOf("foobar")]).toEqual([
    0x811c9dc5, 0xe40c292c, 0xbf9cf968,
  ]);
});
