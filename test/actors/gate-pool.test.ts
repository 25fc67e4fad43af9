import { env } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { Pool, POOL_BATCH_MAX, WAITING_MAX } from "../../durable-objects/gate/pool.ts";
import { holdMany } from "../../schema/hold-batch.ts";
import { skuNumberOf } from "../../schema/ids.ts";
import { err } from "../../schema/result.ts";
import type { Sale } from "../../schema/sale.ts";
import type { HoldAnswer, HoldRequest } from "../../schema/sku.ts";
import { gateActor, poolingGate } from "../../worker/actors.ts";
import { selling, succeeded, type Sku } from "./sku-fixture.ts";

const GATES = 4;
const gateOf = (sku: Sku, n: number) => poolingGate(env, skuNumberOf(sku.id), n % GATES);
const through = (sku: Sku, requests: readonly HoldRequest[]): Promise<HoldAnswer[]> =>
  Promise.all(requests.map((request, n) => gateOf(sku, n).hold(skuNumberOf(sku.id), request)));
const many = (sku: Sku, count: number): HoldRequest[] => Array.from({ length: count }, () => sku.holding());

describe("pooling gates", () => {
  test("of a thousand buyers for a hundred units sell exactly a hundred, in a handful of commits", async () => {
    const sku = await selling(100);
    const before = await sku.api.view();
    const answers = await through(sku, many(sku, 1_000));
    expect(succeeded(answers)).toBe(100);
    const refused = answers.filter((answer) => !answer.ok && answer.error.code === "sold_out");
    expect(refused).toHaveLength(900);
    const after = await sku.api.view();
    expect(after).toMatchObject({ available: 0, held: 100 });
    expect((after?.version ?? 0) - (before?.version ?? 0)).toBeLessThan(20);
  });

  test("give a repeated request its own answer, through whatever gate it comes", async () => {
    const sku = await selling(1);
    const [mine, late] = [sku.holding(), sku.holding()];
    const first = await gateOf(sku, 0).hold(skuNumberOf(sku.id), mine);
    expect(await gateOf(sku, 0).hold(skuNumberOf(sku.id), late)).toMatchObject({
      error: { code: "sold_out" },
    });
    for (const gate of [0, 1]) {
      const again = await gateOf(sku, gate).hold(skuNumberOf(sku.id), { ...mine, order: sku.order() });
      expect(again).toEqual(first.ok && { ok: true, value: { ...first.value, replayed: true } });
    }
  });

  test("claim what was held, many in one commit, each with its own answer", async () => {
    const sku = await selling(100);
    const held = many(sku, 40);
    await holdMany(sku.api, held);
    const before = (await sku.api.view())?.version ?? 0;
    const until = Date.now() + 3_600_000;
    const orders = [...held, sku.holding()].map(({ order }) => order);
    const answers = await Promise.all(
      orders.map((order, n) => gateOf(sku, n).claim(skuNumberOf(sku.id), { order, until })),
    );
    expect(succeeded(answers)).toBe(40);
    expect(answers.at(-1)).toEqual(err({ code: "unknown_hold" }));
    expect((await sku.api.view())?.version ?? 0).toBeLessThanOrEqual(before + 2 * GATES);
  });

  test("say sold out themselves for less than a second, and then sell what has come back", async () => {
    const sku = await selling(1);
    const number = skuNumberOf(sku.id);
    await through(sku, [sku.holding()]);
    const gate = gateOf(sku, 0);
    const refused = { ok: false, error: { code: "sold_out", held: 1, available: 0 } };
    expect(await gate.hold(number, sku.holding())).toEqual(refused);
    await sku.api.restock({ key: "found", fingerprint: "f", delta: 1, reason: "found" });
    expect(await gate.hold(number, sku.holding())).toEqual(refused);
    await scheduler.wait(1_000);
    expect((await gate.hold(number, sku.holding())).ok).toBe(true);
  });

  test("are put before a SKU when five hundred a second ask for it, unless the merchant says otherwise", async () => {
    const sku = await selling(2_000);
    const sale = (id: string, gates?: number): Sale => ({
      id,
      name: "Lamps",
      opensAt: 0,
      closesAt: Date.now() + 3_600_000,
      perBuyerMax: 5,
      holdMs: 60_000,
      offers: [
        {
          sku: sku.id,
          name: "Lamp",
          price: { amount: 100, currency: "CNY" },
          image: null,
          ...(gates !== undefined && { gates }),
        },
      ],
    });
    const gatesOf = async (id: string, gates?: number) => {
      const gate = gateActor(env, id);
      await gate.configure(sale(id, gates));
      return (await gate.view())?.offers[0]?.gates;
    };
    expect(await gatesOf("quiet")).toBe(0);
    await holdMany(sku.api, many(sku, 500));
    expect([await gatesOf("crowded"), await gatesOf("none", 0), await gatesOf("seven", 7)]).toEqual([
      4, 0, 7,
    ]);
  });

  test("refuse what is not sound before it can spoil the batch of others", async () => {
    const sku = await selling(5);
    const wrong = { ...sku.holding(), quantity: 0.5 };
    const [bad, good] = await Promise.allSettled([
      gateOf(sku, 0).hold(skuNumberOf(sku.id), wrong),
      gateOf(sku, 0).hold(skuNumberOf(sku.id), sku.holding()),
    ]);
    expect(bad.status).toBe("rejected");
    expect(good).toMatchObject({ status: "fulfilled", value: { ok: true } });
  });
});

/** A SKU under this test's control, behind a pool. */
function pooled() {
  const batches: (readonly HoldRequest[])[] = [];
  const answers: ((cause?: Error) => void)[] = [];
  const pool = new Pool<HoldRequest, HoldAnswer>(async (requests) => {
    batches.push(requests);
    await new Promise<void>((resolve, reject) => {
      answers.push((cause) => (cause ? reject(cause) : resolve()));
    });
    return requests.map(({ quantity }) => err({ code: "purchase_limit", limit: quantity }));
  });
  const ask = (quantity: number) => pool.ask({ quantity } as HoldRequest);
  const batch = async (n: number): Promise<void> => {
    while (batches.length < n) await scheduler.wait(1);
  };
  return { pool, ask, batch, batches, answers };
}

describe("a pool", () => {
  test("fills the next batch while one is on its way, and gives everybody their own answer", async () => {
    const { ask, batch, batches, answers } = pooled();
    const first = ask(1);
    await batch(1);
    const later = [2, 3, 4].map(ask);
    answers[0]?.();
    expect(await first).toEqual(err({ code: "purchase_limit", limit: 1 }));
    await batch(2);
    answers[1]?.();
    expect(await Promise.all(later)).toEqual(
      [2, 3, 4].map((limit) => err({ code: "purchase_limit", limit })),
    );
    expect(batches.map(({ length }) => length)).toEqual([1, 3]);
  });

  test("that is full says so at once, and never sends more than a SKU takes", async () => {
    const { ask, batch, batches, answers } = pooled();
    const first = ask(0);
    await batch(1);
    const waiting = Array.from({ length: WAITING_MAX }, (_, n) => ask(n));
    expect(await ask(9)).toEqual(err({ code: "overloaded" }));
    for (let n = 1; n <= 1 + WAITING_MAX / POOL_BATCH_MAX; n++) {
      await batch(n);
      answers[n - 1]?.();
    }
    await Promise.all([first, ...waiting]);
    expect(Math.max(...batches.map(({ length }) => length))).toBe(POOL_BATCH_MAX);
  });

  test("tells everybody of a batch that failed, and goes on with the next", async () => {
    const { ask, batch, answers } = pooled();
    const failed = [1, 2].map(ask).map((answer) => answer.catch((cause: Error) => cause.message));
    await batch(1);
    answers[0]?.(new Error("the SKU moved"));
    expect(await Promise.all(failed)).toEqual(["the SKU moved", "the SKU moved"]);
    const next = ask(3);
    await batch(2);
    answers[1]?.();
    expect((await next).ok).toBe(false);
  });
});
