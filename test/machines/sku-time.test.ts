import { describe, expect, test } from "vitest";
import { DEADLINES_MAX, nextDueAt } from "../../durable-objects/sku/deadlines.ts";
import { unitsOf } from "../../durable-objects/sku/recall.ts";
import { IDEMPOTENCY_WINDOW_MS } from "../../durable-objects/sku/leaving.ts";
import type { Paces } from "../../durable-objects/sku/machine.ts";
import { CLOSES, HOLD_MS, moving, OPENS, orderOf, wordOf, World } from "./sku-world.ts";

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
