import { describe, expect, test } from "vitest";
import { HOLD_MS, moving, OPENS, orderOf, World } from "./sku-world.ts";

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
