import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { SkuActor } from "../../durable-objects/sku/actor.ts";
import { skuNumberOf } from "../../schema/ids.ts";
import { HOUR_MS, pass, selling, until } from "./sku-fixture.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("an unpaid hold", () => {
  test("is free again by itself within a second of its end", async () => {
    const sku = await selling(1, { holdMs: 300 });
    const before = Date.now();
    await sku.api.hold(sku.holding());
    await until(async () => (await sku.rows).some(({ body }) => body.includes(`"released"`)));
    const [row] = (await sku.rows).slice(-1);
    expect((row?.at ?? 0) - before).toBeLessThan(1_300);
    expect(await sku.api.view()).toMatchObject({ available: 1, held: 0 });
  });

  test("is free again for whoever asks, whatever the alarm does", async () => {
    const sku = await selling(1);
    const first = sku.holding();
    await sku.api.hold(first);
    pass(60_000);
    expect(await sku.api.find(first.order)).toMatchObject({ state: "released" });
    expect(await sku.api.view()).toMatchObject({ available: 1, held: 0 });
    expect(await sku.api.hold(sku.holding())).toMatchObject({ ok: true });
  });

  test("is released even if its alarm was lost: whoever wakes the object sets it again", async () => {
    const sku = await selling(1);
    await sku.api.hold(sku.holding());
    await runInDurableObject(sku.stub, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(sku.stub);
    await sku.api.view();
    const alarm = await runInDurableObject(sku.stub, (_, { storage }) => storage.getAlarm());
    expect(alarm).toBeLessThanOrEqual(Date.now() + 61_000);
  });

  test("is released by an alarm that runs after an eviction, and not by one that runs early", async () => {
    const sku = await selling(1);
    await sku.api.hold(sku.holding());
    await evictDurableObject(sku.stub);
    await runDurableObjectAlarm(sku.stub);
    expect(await sku.api.view()).toMatchObject({ held: 1 });
    pass(60_000);
    expect(await runDurableObjectAlarm(sku.stub)).toBe(true);
    expect((await sku.rows).slice(-1)[0]?.body).toContain(`"expired"`);
  });
});

describe("the read model", () => {
  test("is told of every order placed and of every one that died untouched, until it says it has heard", async () => {
    const sku = await selling(10);
    const [paid, dies] = [sku.holding(), sku.holding()];
    await sku.api.hold(paid);
    await sku.api.hold(dies);
    await until(() => sku.changes.length === 2);
    expect(sku.changes.map(({ placed }) => placed.map(({ order }) => order))).toEqual([
      [paid.order],
      [dies.order],
    ]);
    expect(sku.changes.map(({ sku: number, through }) => [number, through])).toEqual([
      [skuNumberOf(sku.id), 2],
      [skuNumberOf(sku.id), 3],
    ]);

    await sku.api.claim({ order: paid.order, until: Date.now() + HOUR_MS });
    pass(60_000);
    await sku.api.view();
    await until(() => sku.changes.length === 5);
    // The two that nobody acknowledged came again, and the death of the third.
    expect(sku.changes.flatMap(({ expired }) => expired)).toEqual([
      { placement: expect.objectContaining({ order: dies.order }), at: Date.now() },
    ]);
    const through = sku.changes.map((change) => change.through);
    expect(through.slice(2).toSorted((a, b) => a - b)).toEqual([2, 3, 5]);

    for (const { after, through: last } of sku.changes) await sku.api.published(after, last);
    pass(10 * 60_000);
    await runDurableObjectAlarm(sku.stub);
    expect(sku.changes.length).toBe(5);
    expect(await sku.sql("SELECT published FROM meta")).toEqual([{ published: 5 }]);
  });

  test("is told again after 5 s, doubling to 5 min, and again after a restart", async () => {
    const sku = await selling(10, { holdMs: HOUR_MS });
    await sku.api.hold(sku.holding());
    await until(() => sku.changes.length === 1);
    const told: number[] = [];
    for (let second = 1; second <= 1_000; second += 1) {
      pass(1_000);
      const before = sku.changes.length;
      await runInDurableObject(sku.stub, (actor: SkuActor) => actor.alarm());
      if (sku.changes.length > before) told.push(second);
    }
    expect(told).toEqual([5, 15, 35, 75, 155, 315, 615, 915]);
    const before = sku.changes.length;
    await evictDurableObject(sku.stub);
    await sku.listen();
    await runInDurableObject(sku.stub, (actor: SkuActor) => actor.alarm());
    expect(sku.changes.length).toBe(before + 1);
  });

  test("is never said to have what it did not acknowledge", async () => {
    const sku = await selling(10);
    await sku.api.hold(sku.holding());
    await until(() => sku.changes.length === 1);
    await sku.api.hold(sku.holding());
    await until(() => sku.changes.length === 2);
    await sku.api.published(2, 3);
    expect(await sku.sql("SELECT published FROM meta")).toEqual([{ published: 0 }]);
    // What an earlier life of this object sent may have ended with the same row and said less.
    await sku.api.published(0, 2);
    expect(await sku.sql("SELECT published FROM meta")).toEqual([{ published: 0 }]);
    await sku.api.published(1, 2);
    expect(await sku.sql("SELECT published FROM meta")).toEqual([{ published: 3 }]);
  });

  test("is told later when the queue does not take it, and buyers do not notice", async () => {
    const sku = await selling(10);
    sku.orderEvents.taking = false;
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await sku.api.hold(sku.holding())).toMatchObject({ ok: true });
    await until(() => complaints.mock.calls.length > 0);
    for (let more = 0; more < 5; more++)
      expect(await sku.api.hold(sku.holding())).toMatchObject({ ok: true });
    await scheduler.wait(50);
    // A queue that is down is not tried again by every buyer.
    expect(complaints.mock.calls.map(([line]) => JSON.parse(String(line)).event)).toEqual([
      "sku_publish_failed",
    ]);
    complaints.mockRestore();
    sku.orderEvents.taking = true;
    pass(10_000);
    await runDurableObjectAlarm(sku.stub);
    expect(sku.changes.flatMap(({ placed }) => placed)).toHaveLength(6);
  });

  test("gets a few messages in a rush, however many commits there are", async () => {
    const sku = await selling(1_000);
    const beganAt = Date.now();
    for (let n = 0; n < 100; n++) await sku.api.hold(sku.holding());
    await until(() => sku.changes.flatMap(({ placed }) => placed).length === 100);
    // One at once, and then ten a second, however long a busy machine takes for the rush.
    expect(sku.changes.length).toBeLessThanOrEqual(2 + (Date.now() - beganAt) / 100);
    expect((await sku.rows).length).toBe(101);
  });
});

describe("a claim whose order never came back", () => {
  test("is asked about at its deadline, also after a restart, until it ends", async () => {
    const sku = await selling(10);
    const request = sku.holding({ quantity: 2 });
    await sku.api.hold(request);
    await sku.api.claim({ order: request.order, until: Date.now() + 120_000 });
    pass(60_000);
    await runDurableObjectAlarm(sku.stub);
    expect(sku.effects.sent).toEqual([]);
    pass(60_000);
    await runDurableObjectAlarm(sku.stub);
    const question = { v: 1, type: "claim_overdue", sku: skuNumberOf(sku.id), move: sku.move(request) };
    expect(sku.effects.sent).toEqual([question]);
    expect(await sku.api.find(request.order)).toMatchObject({ state: "claimed" });

    await evictDurableObject(sku.stub);
    await sku.listen();
    await runDurableObjectAlarm(sku.stub);
    expect(sku.effects.sent).toEqual([question, question]);
    await sku.api.release(sku.move(request), "payment_lost");
    pass(HOUR_MS);
    await runDurableObjectAlarm(sku.stub);
    expect(sku.effects.sent).toHaveLength(2);
    expect(sku.changes.flatMap(({ expired }) => expired)).not.toEqual([]);
  });
});
