import { describe, expect, test } from "vitest";
import type { SkuCommand } from "../../durable-objects/sku/commands.ts";
import { DEADLINES_MAX, nextDueAt } from "../../durable-objects/sku/deadlines.ts";
import { unitsOf } from "../../durable-objects/sku/recall.ts";
import { thaw } from "../../durable-objects/sku/snapshot.ts";
import { freeze } from "../fixtures/frozen-sku.ts";
import { replay } from "../../durable-objects/sku/evolve.ts";
import { advance, IDEMPOTENCY_WINDOW_MS } from "../../durable-objects/sku/leaving.ts";
import type { Paces } from "../../durable-objects/sku/machine.ts";
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

const keysOf = ({ state }: World): number =>
  [...state.buyers.values()].reduce((sum, { key, more }) => sum + (key ? 1 : 0) + (more?.size ?? 0), 0);

describe("time", () => {
  test("releases a hold at its end, not a millisecond earlier, and before anything else is decided", () => {
    const world = new World(1);
    world.hold();
    world.now = OPENS + HOLD_MS - 1;
    expect(wordOf(world.hold({ n: 2, buyer: "bob" }))).toBe("sold_out");
    world.now = OPENS + HOLD_MS;
    expect(wordOf(world.hold({ n: 2, buyer: "bob" }))).toBe("new");
    expect(world.last.map(({ type }) => type)).toEqual(["released", "held"]);
    expect(world.last[0]).toMatchObject({ reason: "expired", order: orderOf(1), ended: { buyer: "ann" } });
  });

  test("never ends a claim: it is asked about at its deadline, then less and less often, until it ends", () => {
    const world = new World();
    world.hold();
    world.ask({ type: "claim", request: { order: orderOf(1), until: OPENS + HOLD_MS } });
    const asked: number[] = [];
    for (let s = 0; s < 1_000; s++) {
      world.overdue = [];
      expect(world.wait(1_000)).toEqual([]);
      if (world.overdue.length > 0) asked.push((world.now - OPENS - HOLD_MS) / 1_000);
    }
    expect(asked).toEqual([0, 5, 15, 35, 75, 155, 315, 615, 915]);
    expect(world.overdue).toEqual([]);
    world.ask({ type: "commit", move: moving() });
    world.wait(HOLD_MS * 20);
    expect(world.overdue).toEqual([]);
  });

  test("never goes back", () => {
    const world = new World();
    world.wait(5_000);
    world.now -= 4_000;
    expect(world.hold()).toMatchObject({ value: { placement: { payBy: OPENS + 5_000 + HOLD_MS } } });
  });

  test("takes finished holds, tombstones and keys from memory a day after, and keeps what the buyer owns", () => {
    const world = new World(10, { perBuyerMax: 2 });
    world.hold({ n: 1 });
    world.hold({ n: 2 });
    world.ask({ type: "commit", move: moving({ n: 1 }) });
    world.ask({ type: "release", move: moving({ n: 2 }), reason: "cancelled" });
    world.ask({ type: "release", move: moving({ n: 3 }), reason: "refused" });
    world.ask({ type: "restock", request: { key: "r", fingerprint: "f", delta: 1, reason: "found" } });
    world.ask({
      type: "bind",
      request: { buyer: "ann", key: "b", fingerprint: "f", order: orderOf(9), supersedes: null },
    });
    world.wait(IDEMPOTENCY_WINDOW_MS - 1);
    expect([world.state.holds.size, keysOf(world), world.state.restocks.size]).toEqual([3, 3, 1]);
    world.wait(1);
    expect([world.state.holds.size, keysOf(world), world.state.restocks.size]).toEqual([0, 0, 0]);
    expect(world.state).toMatchObject({ available: 10, held: 0, sold: 1, soldAndGone: 1 });
    expect(unitsOf(world.state, "ann")).toBe(1);
    expect(wordOf(world.hold({ n: 10, quantity: 2 }))).toBe("purchase_limit");
  });

  test("does not take a hold whose stock was taken again", () => {
    const world = new World();
    world.hold();
    world.wait(HOLD_MS);
    world.ask({ type: "retake", move: moving({ take: 2 }), until: CLOSES });
    world.wait(IDEMPOTENCY_WINDOW_MS * 2);
    expect(world.state).toMatchObject({ held: 1, available: 9 });
    expect(wordOf(world.ask({ type: "commit", move: moving({ take: 2 }) }))).toBe("sold");
  });
});

describe("holds that are over at once", () => {
  const crowd = (size: number, paces: Paces): World => {
    const world = new World(size, { perBuyerMax: 2 }, paces);
    for (let n = 0; n < size; n++) world.hold({ n, buyer: `buyer-${n}` });
    world.now += HOLD_MS;
    return world;
  };

  test("end a thousand in a commit, those first that are due for longest, and all within as many commits as it takes", () => {
    const world = crowd(2_500, {});
    const ended = () => world.wait(0).map((event) => (event.type === "released" ? event.order : null));
    const first = ended();
    expect(first).toHaveLength(DEADLINES_MAX);
    expect(new Set(first)).toContain(orderOf(0));
    expect(world.state).toMatchObject({ available: 1_000, held: 1_500 });
    expect([ended().length, ended().length, ended().length]).toEqual([1_000, 500, 0]);
    expect(nextDueAt(world.state)).toBeNull();
  });

  test("are over at once for whoever asks about them, whatever the commits have come to", () => {
    const world = crowd(10, { deadlinesMax: 0 });
    const order = orderOf(7);
    const claim = { type: "claim", request: { order, until: CLOSES } } as const;
    expect(wordOf(world.ask(claim))).toBe("released");
    expect(wordOf(world.ask({ type: "commit", move: moving({ n: 8 }) }))).toBe("gone");
    world.ask({ type: "look", order: orderOf(6) });
    world.ask({ type: "look", buyer: "buyer-5" });
    expect([6, 5].map((n) => world.state.holds.get(orderOf(n))?.state)).toEqual(["released", "released"]);
    expect(world.state).toMatchObject({ available: 4, held: 6 });
  });

  test("are free for who wants units, as many as it takes and no more", () => {
    const world = crowd(10, { deadlinesMax: 0 });
    expect(wordOf(world.hold({ n: 20, buyer: "zoe", quantity: 2 }))).toBe("new");
    expect(world.last.map(({ type }) => type)).toEqual(["released", "released", "held"]);
    const restock = { key: "r", fingerprint: "f", delta: -3, reason: "count" };
    expect(wordOf(world.ask({ type: "restock", request: restock }))).toBe("new");
    expect(world.state).toMatchObject({ available: 0, held: 7, restocked: -3 });
  });

  test("do not stand between their buyer and the limit", () => {
    const world = new World(10, { perBuyerMax: 2 }, { deadlinesMax: 0 });
    world.hold({ n: 1 });
    world.now += HOLD_MS / 2;
    world.hold({ n: 2 });
    world.now += HOLD_MS / 2;
    expect(wordOf(world.hold({ n: 3 }))).toBe("new");
    expect(wordOf(world.hold({ n: 4 }))).toBe("purchase_limit");
    expect(world.state.held).toBe(2);
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

describe("a key", () => {
  const bind = (world: World, n: number, supersedes: number | null = null, fingerprint = "f") =>
    world.ask({
      type: "bind",
      request: {
        buyer: "ann",
        key: "k",
        fingerprint,
        order: orderOf(n),
        supersedes: supersedes === null ? null : orderOf(supersedes),
      },
    });

  test("belongs to the first order that asks, until that order is known to be dead", () => {
    const world = new World();
    expect(bind(world, 1)).toEqual({ ok: true, value: { order: orderOf(1), boundAt: OPENS } });
    world.wait(5);
    expect(bind(world, 2)).toEqual({ ok: true, value: { order: orderOf(1), boundAt: OPENS } });
    expect(bind(world, 2, null, "g")).toEqual({ ok: false, error: { code: "idempotency_key_reused" } });
    expect(bind(world, 2, 1)).toEqual({ ok: true, value: { order: orderOf(2), boundAt: OPENS + 5 } });
    expect(bind(world, 3, 1)).toMatchObject({ value: { order: orderOf(2) } });
  });

  test("is not taken from an order that was placed here", () => {
    const world = new World();
    bind(world, 1);
    world.hold({ home: { key: "k" } });
    expect(bind(world, 2, 1)).toMatchObject({ value: { order: orderOf(1) } });
    world.ask({ type: "unbind", buyer: "ann", key: "k", order: orderOf(1) });
    expect(bind(world, 2)).toMatchObject({ value: { order: orderOf(1) } });
  });

  test("is not taken over once its order has been placed: a late word that it died takes no unit from it", () => {
    const world = new World();
    world.hold();
    const late = () => world.ask({ type: "release", move: moving(), reason: "superseded" });
    expect(late()).toEqual({ ok: true, value: "held" });
    world.ask({ type: "claim", request: { order: orderOf(1), until: OPENS + HOLD_MS } });
    expect(late()).toEqual({ ok: true, value: "claimed" });
    world.ask({ type: "commit", move: moving() });
    expect(late()).toEqual({ ok: true, value: "sold" });
  });

  test("that is taken over leaves nothing to hold for the request that died, here or where it held another line", () => {
    const world = new World();
    const release = (n: number) => world.ask({ type: "release", move: moving({ n }), reason: "superseded" });
    expect(release(1)).toEqual({ ok: true, value: "released" });
    expect(world.hold()).toMatchObject({ error: { code: "released" } });
    world.hold({ n: 2, home: null });
    expect(release(2)).toEqual({ ok: true, value: "released" });
    expect(world.last).toMatchObject([{ type: "released", reason: "superseded", ended: null }]);
  });

  test("is free again when its order gives it back, and only then", () => {
    const world = new World();
    bind(world, 1);
    world.ask({ type: "unbind", buyer: "ann", key: "k", order: orderOf(2) });
    expect(bind(world, 2)).toMatchObject({ value: { order: orderOf(1) } });
    world.ask({ type: "unbind", buyer: "ann", key: "k", order: orderOf(1) });
    expect(bind(world, 2)).toMatchObject({ value: { order: orderOf(2) } });
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
