import { describe, expect, test } from "vitest";
import type { SkuCommand } from "../../durable-objects/sku/commands.ts";
import { thaw } from "../../durable-objects/sku/snapshot.ts";
import { freeze } from "../fixtures/frozen-sku.ts";
import { replay } from "../../durable-objects/sku/evolve.ts";
import { advance } from "../../durable-objects/sku/leaving.ts";
import { emptyState } from "../../durable-objects/sku/state.ts";
import { holdsOf } from "../../durable-objects/sku/views.ts";
import type { SkuEvent } from "../../schema/sku.ts";
import {
  CLOSES,
  configOf,
  frozen,
  HOLD_MS,
  moving,
  OPENS,
  orderOf,
  situations,
  wordOf,
  World,
} from "./sku-world.ts";

describe("a hold is refused", () => {
  const code = (world: World, change: Parameters<World["hold"]>[0]) => wordOf(world.hold(change));

  test("in a fixed order: the key, the order, the sale, its window, the limit, the stock", () => {
    const world = new World(2, { perBuyerMax: 2 });
    world.hold({ n: 1, quantity: 2 });
    world.ask({ type: "release", move: moving({ n: 5 }), reason: "refused" });
    // Each of these is wrong in every later way too.
    world.now = OPENS - 1;
    const wrong = { quantity: 3, sale: "other" };
    expect(code(world, { ...wrong, n: 5, home: { key: "key-1", fingerprint: "else" } })).toBe(
      "idempotency_key_reused",
    );
    expect(code(world, { ...wrong, n: 5 })).toBe("released");
    expect(code(world, { ...wrong, n: 6 })).toBe("unknown_sku");
    expect(code(world, { n: 6, quantity: 3 })).toBe("purchase_limit"); // The clock of a SKU never goes back.
    world.now = CLOSES;
    expect(code(world, { n: 6, quantity: 3 })).toBe("sale_closed");
  });

  test("before the sale opens, to the millisecond, and from the millisecond it closes", () => {
    const world = new World(10, { opensAt: OPENS + 10, closesAt: OPENS + 20 });
    const at = (now: number): string => {
      world.now = now;
      return code(world, { n: now });
    };
    expect([at(OPENS + 9), at(OPENS + 10), at(OPENS + 19), at(OPENS + 20)]).toEqual([
      "sale_not_open",
      "new",
      "new",
      "sale_closed",
    ]);
  });

  test("for the limit before the stock, and with what is held when sold out", () => {
    const world = new World(2, { perBuyerMax: 2 });
    world.hold({ quantity: 2 });
    expect(world.hold({ n: 2 })).toEqual({ ok: false, error: { code: "purchase_limit", limit: 2 } });
    expect(world.hold({ n: 2, buyer: "bob" })).toEqual({
      ok: false,
      error: { code: "sold_out", held: 2, available: 0 },
    });
  });

  test("and changes nothing: the same key may ask again", () => {
    const world = new World(1);
    world.hold({ n: 1, buyer: "bob" });
    expect(code(world, { n: 2 })).toBe("sold_out");
    world.ask({ type: "release", move: moving({ n: 1, buyer: "bob" }), reason: "cancelled" });
    expect(code(world, { n: 2 })).toBe("new");
  });

  test("when its key was bound to a later order", () => {
    const world = new World();
    const bind = { buyer: "ann", key: "key-1", fingerprint: "f", supersedes: null };
    world.ask({ type: "bind", request: { ...bind, order: orderOf(1) } });
    world.ask({ type: "bind", request: { ...bind, order: orderOf(2), supersedes: orderOf(1) } });
    expect(code(world, { n: 1 })).toBe("released");
    expect(code(world, { n: 2, home: { key: "key-1" } })).toBe("new");
  });
});

describe("a placement", () => {
  test("is made of the SKU's own price and the clock, and ends with the first of its holds", () => {
    const world = new World();
    const other = { sku: "shade", name: "Shade", quantity: 2, unitPrice: { amount: 50, currency: "CNY" } };
    const held = world.hold({ quantity: 2, home: { others: [other], othersHeldUntil: OPENS + 5_000 } });
    expect(held.ok && held.value.placement).toEqual({
      order: orderOf(1),
      sale: "lamps",
      buyer: "ann",
      lines: [
        { sku: "lamp", name: "Lamp", quantity: 2, unitPrice: { amount: 19_900, currency: "CNY" } },
        other,
      ],
      amount: { amount: 39_900, currency: "CNY" },
      createdAt: OPENS,
      payBy: OPENS + 5_000,
    });
  });

  test("is answered unchanged to a replay, whatever became of it and of the price", () => {
    const world = new World();
    const first = world.hold();
    world.ask({ type: "configure", config: configOf({ price: { amount: 1, currency: "CNY" } }), stock: 0 });
    world.wait(HOLD_MS);
    const again = world.hold({ order: orderOf(2) });
    expect(again.ok && first.ok && again.value.placement).toEqual(first.ok && first.value.placement);
    expect(again.ok && again.value.replayed).toBe(true);
  });
});

describe("late money", () => {
  test("takes the stock again when there is some, and finds it gone when there is none", () => {
    const world = new World(1);
    world.hold();
    world.wait(HOLD_MS);
    world.hold({ n: 2, buyer: "bob" });
    expect(wordOf(world.ask({ type: "retake", move: moving({ take: 2 }), until: CLOSES }))).toBe("gone");
    world.wait(HOLD_MS);
    expect(wordOf(world.ask({ type: "retake", move: moving({ take: 2 }), until: CLOSES }))).toBe("claimed");
  });

  test("buys no more than the limit", () => {
    const world = new World(10, { perBuyerMax: 1 });
    world.hold();
    world.wait(HOLD_MS);
    world.hold({ n: 2 });
    expect(wordOf(world.ask({ type: "retake", move: moving({ take: 2 }), until: CLOSES }))).toBe("gone");
  });

  test("given up before its retake arrives finds nothing to take", () => {
    const world = new World();
    world.hold();
    world.wait(HOLD_MS);
    world.ask({ type: "release", move: moving({ take: 2 }), reason: "payment_lost" });
    expect(wordOf(world.ask({ type: "retake", move: moving({ take: 2 }), until: CLOSES }))).toBe("gone");
    expect(world.state).toMatchObject({ available: 10, held: 0 });
  });

  test("released again is no news for the read model: its order has an actor", () => {
    const world = new World();
    world.hold();
    world.wait(HOLD_MS);
    world.ask({ type: "retake", move: moving({ take: 2 }), until: CLOSES });
    world.ask({ type: "release", move: moving({ take: 2 }), reason: "payment_lost" });
    expect(world.last).toMatchObject([{ type: "released", ended: null }]);
  });
});

describe("stock", () => {
  const restock = (delta: number, key: string, fingerprint = "f"): SkuCommand => ({
    type: "restock",
    request: { key, fingerprint, delta, reason: "count" },
  });

  test("is added once for each key, and only what is available can be taken away", () => {
    const world = new World(2);
    world.hold();
    expect(world.ask(restock(5, "a"))).toEqual({ ok: true, value: { replayed: false } });
    expect(world.ask(restock(5, "a"))).toEqual({ ok: true, value: { replayed: true } });
    expect(wordOf(world.ask(restock(6, "a", "g")))).toBe("idempotency_key_reused");
    expect(wordOf(world.ask(restock(-7, "b")))).toBe("insufficient_stock");
    expect(world.ask(restock(-6, "b"))).toMatchObject({ ok: true });
    expect(world.state).toMatchObject({ initial: 2, restocked: -1, available: 0, held: 1 });
  });

  test("of a SKU is set once; its sale's terms may change, its identity may not", () => {
    const world = new World(2);
    const configure = (change: object) =>
      world.ask({ type: "configure", config: configOf(change), stock: 9 });
    const before = world.commits.length;
    expect(configure({})).toMatchObject({ ok: true });
    expect(world.commits.length).toBe(before);
    expect(configure({ perBuyerMax: 1 })).toMatchObject({ ok: true });
    expect(world.state).toMatchObject({ initial: 2, available: 2, config: { perBuyerMax: 1 } });
    expect(configure({ sku: "other" })).toEqual({ ok: false, error: { code: "other_sku" } });
    expect(configure({ sale: "other" })).toEqual({ ok: false, error: { code: "other_sale" } });
  });

  test("that does not add up stops the commit", () => {
    const world = new World();
    world.state.available -= 1;
    expect(() => world.wait(1)).toThrow("initial 10 + restocked 0");
  });
});

test("a buyer's holds are shown oldest first, without those that were given back", () => {
  const world = new World(10, { perBuyerMax: 9 });
  for (const n of [3, 1, 2, 4]) world.hold({ n });
  world.ask({ type: "release", move: moving({ n: 2 }), reason: "cancelled" });
  world.ask({ type: "commit", move: moving({ n: 1 }) });
  expect(holdsOf(world.state, "ann").map(({ order }) => order)).toEqual([1, 3, 4].map((n) => orderOf(n)));
  expect(holdsOf(world.state, "bob")).toEqual([]);
});

test("replaying the events gives the state, and so does thawing what was frozen", () => {
  const world = new World();
  for (const prepare of Object.values(situations)) prepare(world);
  const replayed = emptyState();
  replay(replayed, world.commits);
  advance(replayed, world.state.now);
  expect(frozen(replayed)).toEqual(frozen(world.state));
  expect(frozen(thaw(freeze(world.state)))).toEqual(frozen(world.state));
});

test("a snapshot is cut into chunks that fit a row", () => {
  const world = new World(10_000, { perBuyerMax: 10_000 });
  for (let n = 0; n < 9_000; n++) world.hold({ n, buyer: `buyer-${n}` });
  // So many that what leaves memory fills chunks too, and the last first: each hold must come before it.
  for (let n = 9_000; n-- > 0;) world.ask({ type: "commit", move: moving({ n }) });
  const texts = freeze(world.state);
  expect(texts.length).toBeGreaterThan(3);
  for (const text of texts) expect(text.length).toBeLessThanOrEqual(300_100);
  expect(frozen(thaw(texts))).toEqual(frozen(world.state));
});

test("an event that cannot have happened is refused loudly", () => {
  const state = emptyState();
  const sold: SkuEvent = { type: "sold", order: orderOf(1) };
  expect(() => replay(state, [{ at: 1, events: [sold] }])).toThrow("cannot move");
});
