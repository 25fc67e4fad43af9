import {
  abortAllDurableObjects,
  env,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { SkuActor } from "../../durable-objects/sku/actor.ts";
import { QUEUE_MAX } from "../../durable-objects/sku/commit-queue.ts";
import { holdMany } from "../../schema/hold-batch.ts";
import { skuNumberOf } from "../../schema/ids.ts";
import type { HoldRequest } from "../../schema/sku.ts";
import { pass, HOUR_MS, selling, Sku, succeeded, until } from "./sku-fixture.ts";

/** Pieces of a snapshot that is not whole, or not the last. */
const RUBBISH = "SELECT chunk FROM snapshot WHERE seq <> (SELECT snapshot FROM meta)";

afterEach(() => {
  vi.useRealTimers();
});

describe("a SKU that nobody configured", () => {
  test("answers, and leaves nothing on disk", async () => {
    const sku = new Sku();
    const request = sku.holding();
    expect(await sku.api.view()).toBeNull();
    expect(await sku.api.find(request.order)).toBeNull();
    expect(await sku.api.holdsOf("ann")).toEqual([]);
    expect(await sku.api.hold(request)).toEqual({ ok: false, error: { code: "unknown_sku" } });
    expect(await sku.api.release(sku.move(request), "refused")).toEqual({
      ok: false,
      error: { code: "unknown_sku" },
    });
    await sku.api.published(6, 7);
    expect(await sku.sql("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")).toEqual(
      [],
    );
    expect(await runDurableObjectAlarm(sku.stub)).toBe(false);
  });
});

describe("a batch of holds", () => {
  test("is decided in its order, in one commit, and answered one by one", async () => {
    const sku = await selling(2);
    const [one, two, three] = [sku.holding(), sku.holding(), sku.holding()];
    const before = await sku.api.view();
    const answers = await holdMany(sku.api, [one, one, two, three]);
    expect(answers.map((answer) => (answer.ok ? answer.value.replayed : answer.error.code))).toEqual([
      false,
      true,
      false,
      "sold_out",
    ]);
    expect((await sku.api.view())?.version).toBe((before?.version ?? 0) + 1);
    expect(await holdMany(sku.api, [])).toEqual([]);
  });

  test("that is too long, or not sound, is refused as a whole and changes nothing", async () => {
    const sku = await selling(5_000);
    const before = await sku.api.view();
    const said = (requests: HoldRequest[]) =>
      holdMany(sku.api, requests).then(
        () => "answered",
        (cause: unknown) => String(cause),
      );
    expect(await said(Array.from({ length: 1_001 }, () => sku.holding()))).toContain("at most 1000");
    expect(await said([sku.holding(), { ...sku.holding(), quantity: 0.5 }])).toContain("whole number");
    expect(await sku.api.view()).toEqual(before);
  });
});

describe("a batch of moves", () => {
  test("is claimed, sold and given back in one commit each, every one with its own answer", async () => {
    const sku = await selling(5);
    const [one, two, three] = [sku.holding(), sku.holding(), sku.holding()];
    await holdMany(sku.api, [one, two]);
    const before = (await sku.api.view())?.version ?? 0;
    const words = (answers: { ok: boolean; value?: unknown; error?: { code: string } }[]) =>
      answers.map(({ value, error }) => error?.code ?? value);
    const deadline = Date.now() + HOUR_MS;
    const claims = await sku.api.claimMany(
      [one, three, two].map(({ order }) => ({ order, until: deadline })),
    );
    expect(claims.map((answer) => (answer.ok ? answer.value.state : answer.error.code))).toEqual([
      "claimed",
      "unknown_hold",
      "claimed",
    ]);
    expect(words(await sku.api.commitMany([sku.move(one), sku.move(three)]))).toEqual(["sold", "gone"]);
    const releases = [one, two, three].map((request) => ({
      move: sku.move(request),
      reason: "cancelled" as const,
    }));
    expect(words(await sku.api.releaseMany(releases))).toEqual(["sold", "released", "released"]);
    expect(await sku.api.view()).toMatchObject({ available: 4, held: 0, sold: 1, version: before + 3 });
  });
});

describe("a rush", () => {
  test("of a thousand buyers for a hundred units sells exactly a hundred, in far fewer commits", async () => {
    const sku = await selling(100);
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => sku.api.hold(sku.holding())));
    expect(succeeded(answers)).toBe(100);
    expect(answers.filter((answer) => !answer.ok && answer.error.code === "sold_out").length).toBe(900);
    expect(await sku.api.view()).toMatchObject({
      initial: 100,
      restocked: 0,
      available: 0,
      held: 100,
      sold: 0,
    });
    expect((await sku.rows).length).toBeLessThan(20);
  });

  test("shares one commit among all who come in one turn", async () => {
    const sku = await selling(100);
    const requests = Array.from({ length: 50 }, () => sku.holding());
    await runInDurableObject(sku.stub, (actor: SkuActor) =>
      Promise.all(requests.map((request) => actor.hold(request))),
    );
    expect((await sku.rows).length).toBe(2);
    expect((await sku.api.view())?.version).toBe(2);
  });

  test("that is too big for the queue is refused at once, and what was taken in is served", async () => {
    const sku = await selling(100);
    const requests = Array.from({ length: QUEUE_MAX + 5 }, () => sku.holding());
    const answers = await runInDurableObject(sku.stub, (actor: SkuActor) =>
      Promise.all(requests.map((request) => actor.hold(request))),
    );
    const overloaded = answers.filter((answer) => !answer.ok && answer.error.code === "overloaded");
    expect(overloaded.length).toBe(5);
    expect(succeeded(answers)).toBe(100);
  });

  test("of one commit is split into rows that a message can carry", async () => {
    const sku = await selling(1_000, { name: "灯".repeat(200) });
    const requests = Array.from({ length: 900 }, () => sku.holding());
    await runInDurableObject(sku.stub, (actor: SkuActor) =>
      Promise.all(requests.map((request) => actor.hold(request))),
    );
    const rows = await sku.rows;
    expect(rows.length).toBeGreaterThan(2);
    for (const { body } of rows) expect(new TextEncoder().encode(body).length).toBeLessThan(100_000);
    await until(() => sku.changes.flatMap(({ placed }) => placed).length === 900);
    for (const message of sku.orderEvents.sent)
      expect(new TextEncoder().encode(message as string).length).toBeLessThan(100_000);
    expect(new Set(sku.changes.map(({ through }) => through)).size).toBe(sku.changes.length);
  });

  test("does not let one unsound request spoil the others", async () => {
    const sku = await selling(10);
    const wrong = sku.api.hold(sku.holding({ quantity: 1.5 })).then(
      () => "answered",
      () => "refused",
    );
    expect(await Promise.all([wrong, sku.api.hold(sku.holding()).then(({ ok }) => ok)])).toEqual([
      "refused",
      true,
    ]);
  });
});

describe("what was answered", () => {
  async function busy(): Promise<{ sku: Sku; held: HoldRequest; sold: HoldRequest }> {
    const sku = await selling(10);
    const [held, sold, released] = [sku.holding(), sku.holding(), sku.holding()];
    for (const request of [held, sold, released]) await sku.api.hold(request);
    await sku.api.claim({ order: sold.order, until: Date.now() + HOUR_MS });
    await sku.api.commit(sku.move(sold));
    await sku.api.release(sku.move(released), "cancelled");
    await sku.api.restock({ key: "r", fingerprint: "f", delta: 5, reason: "found" });
    await sku.api.bindKey({ buyer: "ann", key: "k", fingerprint: "f", order: held.order, supersedes: null });
    return { sku, held, sold };
  }

  test.for(["evicted", "aborted"])("is kept when the object is %s", async (how) => {
    const { sku, held, sold } = await busy();
    const before = [await sku.api.view(), await sku.api.find(held.order), await sku.api.holdsOf(sold.buyer)];
    if (how === "evicted") await evictDurableObject(sku.stub);
    else await abortAllDurableObjects();
    expect([await sku.api.view(), await sku.api.find(held.order), await sku.api.holdsOf(sold.buyer)]).toEqual(
      before,
    );
    expect(await sku.api.hold(held)).toMatchObject({ ok: true, value: { replayed: true } });
    expect(await sku.api.commit(sku.move(sold))).toEqual({ ok: true, value: "sold" });
    expect(await sku.api.restock({ key: "r", fingerprint: "f", delta: 5, reason: "found" })).toMatchObject({
      value: { replayed: true, view: { restocked: 5, available: 13 } },
    });
    expect(await sku.sql("SELECT seq FROM journal")).toHaveLength(9);
  });

  test("is what is on disk, also after a commit that failed", async () => {
    const { sku } = await busy();
    const before = await sku.api.view();
    // A foreign key that is only looked at when the transaction ends: every statement succeeds, the commit does not.
    await sku.sql(`CREATE TABLE parent (id INTEGER PRIMARY KEY)`);
    await sku.sql(`CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`);
    await sku.sql(
      `CREATE TRIGGER break_commit AFTER INSERT ON journal BEGIN INSERT INTO child VALUES (1); END`,
    );
    const lost = sku.holding();
    const answer = await sku.api.hold(lost).then(
      () => "answered",
      () => "failed",
    );
    expect(answer).toBe("failed");
    expect(await sku.api.view()).toEqual(before);
    expect(await sku.api.find(lost.order)).toBeNull();
    await sku.sql(`DROP TRIGGER break_commit`);
    expect(await sku.api.hold(lost)).toMatchObject({ ok: true, value: { replayed: false } });
    expect((await sku.api.view())?.version).toBe((before?.version ?? 0) + 1);
  });

  test("is what is on disk, also after a statement that failed", async () => {
    const { sku } = await busy();
    const before = await sku.api.view();
    await sku.sql(
      `CREATE TRIGGER break_row BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'broken'); END`,
    );
    const answer = await sku.api.hold(sku.holding()).then(
      () => "answered",
      () => "failed",
    );
    expect(answer).toBe("failed");
    await sku.sql(`DROP TRIGGER break_row`);
    expect(await sku.api.view()).toEqual(before);
  });

  test("is not told by an instance whose journal somebody else has written", async () => {
    const { sku } = await busy();
    await sku.sql(
      "INSERT INTO journal SELECT seq + 1, at, hash, hash, '[]' FROM journal ORDER BY seq DESC LIMIT 1",
    );
    const answer = await sku.api.view().then(
      () => "answered",
      () => "refused",
    );
    expect(answer).toBe("refused");
  });
});

describe("a commit that breaks a rule", () => {
  /** A request that is sound when it comes in, and is not any more when it is decided. */
  const turning = (request: HoldRequest, quantity: number): HoldRequest => {
    let looks = 0;
    const first = request.quantity;
    return Object.defineProperty({ ...request }, "quantity", {
      enumerable: true,
      get: () => (looks++ === 0 ? first : quantity),
    });
  };

  test.for([
    ["half a unit", 0.5, "stock-is-conserved"],
    ["more than is free", Number.NaN, "only-what-is-free-is-taken"],
  ] as const)(
    "of %s is refused, is a case, and the SKU goes on from its journal",
    async ([, quantity, rule]) => {
      const sku = await selling(10);
      const kept = sku.holding();
      await sku.api.hold(kept);
      const before = { ...(await sku.api.view()), crowded: false };
      const rows = await sku.rows;
      const bad = turning(sku.holding(), quantity);
      const refused = runInDurableObject(env.SKU.getByName(skuNumberOf(sku.id)), (actor: SkuActor) =>
        Promise.allSettled([actor.hold(bad), actor.hold(sku.holding())]),
      );
      // What was to be committed together is refused together, and then this memory is gone.
      const answers = await refused.catch((cause: unknown) => cause);
      if (Array.isArray(answers))
        expect(answers).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
      await until(() => sku.api.view().then(Boolean, () => false));
      expect({ ...(await sku.api.view()), crowded: false }).toEqual(before);
      expect(await sku.rows).toEqual(rows);
      await sku.listen();
      await until(async () => {
        await runDurableObjectAlarm(env.SKU.getByName(skuNumberOf(sku.id)));
        return sku.effects.sent.length > 0;
      });
      expect(sku.effects.sent).toMatchObject([
        {
          type: "case_raised",
          case: { kind: "rule_broken", order: null, id: expect.stringContaining(rule) },
        },
      ]);
      expect((await sku.api.hold(kept)).ok).toBe(true);
      expect((await sku.api.hold(sku.holding())).ok).toBe(true);
      expect((await sku.api.view())?.held).toBe(2);
    },
  );
});

describe("what has been finished for an hour", () => {
  test("is on disk instead of in memory, and is answered as before, after a restart too", async () => {
    const sku = await selling(1_000, { perBuyerMax: 2 });
    const requests = Array.from({ length: 200 }, () => sku.holding());
    const [first, second] = requests;
    if (!first || !second) throw new Error("there are two hundred");
    await holdMany(sku.api, requests);
    await sku.api.commitMany(
      requests.filter(({ order }) => order !== second.order).map((request) => sku.move(request)),
    );
    await sku.api.release(sku.move(second), "cancelled");
    expect(await sku.sql("SELECT chunk FROM finished")).toEqual([]);
    pass(2 * HOUR_MS);
    await sku.api.hold(sku.holding());
    const chunks = await sku.sql<{ facts: number }>("SELECT facts FROM finished");
    expect(chunks.map(({ facts }) => facts)).toEqual([64, 64]);
    await holdMany(
      sku.api,
      Array.from({ length: 100 }, () => sku.holding()),
    );
    expect(await sku.sql("SELECT chunk, facts FROM finished")).toHaveLength(3);

    const said = async () => [
      await sku.api.view(),
      await sku.api.find(first.order),
      await sku.api.find(second.order),
      await sku.api.holdsOf(first.buyer),
      await sku.api.hold({ ...first, order: sku.order() }),
      await sku.api.commit(sku.move(first)),
      await sku.api.claim({ order: second.order, until: 1 }),
    ];
    const before = await said();
    expect(before[1]).toMatchObject({ state: "sold", placement: { buyer: first.buyer } });
    expect(before.slice(3)).toMatchObject([
      [{ order: first.order }],
      { value: { replayed: true, placement: { order: first.order } } },
      { value: "sold" },
      { error: { code: "released" } },
    ]);
    await evictDurableObject(sku.stub);
    expect(await said()).toEqual(before);
    const another = { ...sku.holding(), buyer: first.buyer };
    expect(await sku.api.hold({ ...another, quantity: 2 })).toMatchObject({
      error: { code: "purchase_limit" },
    });
    expect(await sku.api.hold(another)).toMatchObject({ value: { replayed: false } });
    // Taken again by late money: it is itself again, with its placement.
    expect(await sku.api.retake(sku.move(second, 2), Date.now() + HOUR_MS)).toEqual({
      ok: true,
      value: "claimed",
    });
    expect(await sku.api.find(second.order)).toMatchObject({
      state: "claimed",
      take: 2,
      placement: { buyer: second.buyer },
    });
  });
});

describe("an object that an earlier version has written", () => {
  test.for([
    [1, "ALTER TABLE meta DROP COLUMN format"],
    [2, "UPDATE meta SET format = 2"],
  ] as const)("in format %i is refused and not misread", async ([format, change]) => {
    const sku = await selling(10);
    await sku.sql(change);
    await evictDurableObject(sku.stub);
    const answer = await sku.api.view().then(
      () => "answered",
      (cause: unknown) => String(cause),
    );
    expect(answer).toContain(`written in format ${format}`);
  });
});

describe("the journal", () => {
  test("shows that a byte of it was changed, and then nothing is answered", async () => {
    const sku = await selling(10);
    await sku.api.hold(sku.holding());
    await sku.sql(`UPDATE journal SET body = replace(body, '"initial":10', '"initial":11') WHERE seq = 1`);
    await evictDurableObject(sku.stub);
    const answer = await sku.api.view().then(
      () => "answered",
      (cause: unknown) => String(cause),
    );
    expect(answer).toContain("hash chain of the journal holds at row 1");
  });

  test("shows that a row is missing", async () => {
    const sku = await selling(10);
    await sku.api.hold(sku.holding());
    await sku.api.hold(sku.holding());
    await sku.sql(`DELETE FROM journal WHERE seq = 2`);
    await evictDurableObject(sku.stub);
    const answer = await sku.api.view().then(
      () => "answered",
      (cause: unknown) => String(cause),
    );
    expect(answer).toContain("journal row 3 follows row 1");
  });

  test(
    "of many events is spared at start-up by a snapshot, which gives the same state, and is kept",
    { timeout: 60_000 },
    async () => {
      const sku = await selling(100_000);
      const requests: HoldRequest[] = Array.from({ length: 10_000 }, () => sku.holding());
      const all = <T>(ask: (actor: SkuActor, request: HoldRequest) => Promise<T>): Promise<T[]> =>
        runInDurableObject(env.SKU.getByName(skuNumberOf(sku.id)), (actor: SkuActor) =>
          Promise.all(requests.map((request) => ask(actor, request))),
        );
      await all((actor, request) => actor.hold(request));
      expect(await sku.sql("SELECT chunk FROM snapshot")).toEqual([]);
      await all((actor, request) => actor.commit(sku.move(request)));
      // Nobody waits for a snapshot: it is made when nobody has asked for anything for a second.
      expect(await sku.sql("SELECT chunk FROM snapshot")).toEqual([]);
      pass(1_000);
      await runDurableObjectAlarm(sku.stub);
      const [snapshot] = await sku.sql<{ chunks: number; seq: number }>(
        "SELECT COUNT(*) AS chunks, MAX(seq) AS seq FROM snapshot",
      );
      expect(snapshot?.chunks).toBeGreaterThan(3);
      const [last] = requests.slice(-1);
      if (last) await sku.api.release(sku.move({ ...last, order: sku.order() }), "refused");

      // A crowd is nothing to remember: who comes back finds it soon enough.
      const before = { ...(await sku.api.view()), crowded: false };
      expect(before).toMatchObject({ available: 90_000, held: 0, sold: 10_000 });
      await evictDurableObject(sku.stub);
      expect(await sku.api.view()).toEqual(before);
      expect(await sku.sql("SELECT COUNT(*) AS n FROM journal")).toEqual([{ n: before.version }]);
      const again = await all((actor, request) => actor.hold(request));
      expect(again.every((answer) => answer.ok && answer.value.replayed)).toBe(true);
      // What came before the snapshot is not read again; a later row is.
      await sku.sql(`UPDATE journal SET body = '[]' WHERE seq = 1`);
      await evictDurableObject(sku.stub);
      expect(await sku.api.view()).toEqual(before);
    },
  );

  test(
    "is read from its last whole snapshot, also if the object ends in the middle of another",
    { timeout: 60_000 },
    async () => {
      const sku = await selling(100_000);
      const requests = Array.from({ length: 25_000 }, () => sku.holding());
      const batches = Array.from({ length: 25 }, (_, n) => requests.slice(n * 1_000, (n + 1) * 1_000));
      const snapshot = async () => {
        const [{ seq } = { seq: 0 }] = await sku.sql<{ seq: number }>("SELECT snapshot AS seq FROM meta");
        return seq;
      };
      const rubbish = () => sku.sql(RUBBISH);
      for (const batch of batches) await holdMany(sku.api, batch);
      pass(1_000);
      await runDurableObjectAlarm(sku.stub);
      const whole = await snapshot();
      expect(whole).toBeGreaterThan(0);

      // Every hold is sold, while the next snapshot has been begun and is not made to its end.
      for (const batch of batches) await sku.api.commitMany(batch.map((request) => sku.move(request)));
      pass(1_000);
      const alarm = runDurableObjectAlarm(sku.stub).catch(() => "aborted");
      // From inside, between two pieces: from outside it might be over before anybody has seen that it had begun.
      const crash = runInDurableObject(sku.stub, async (_, state) => {
        while (state.storage.sql.exec(RUBBISH).toArray().length === 0) await scheduler.wait(0);
        await state.storage.sync();
        state.abort("crash");
      });
      await expect(crash).rejects.toThrow("crash");
      // On a slow machine it has rung by itself, and what ends here is that.
      expect(["aborted", false]).toContain(await alarm);
      expect(await snapshot()).toBe(whole);
      expect((await rubbish()).length).toBeGreaterThan(0);
      expect(await sku.api.view()).toMatchObject({ available: 75_000, held: 0, sold: 25_000 });

      pass(1_000);
      await runDurableObjectAlarm(env.SKU.getByName(skuNumberOf(sku.id)));
      expect(await snapshot()).toBeGreaterThan(whole);
      expect(await rubbish()).toEqual([]);
      await evictDurableObject(env.SKU.getByName(skuNumberOf(sku.id)));
      expect(await sku.api.view()).toMatchObject({ available: 75_000, held: 0, sold: 25_000 });
    },
  );

  test("of a crowd whose holds end at once is written in many commits, between which others are answered", async () => {
    const sku = await selling(10_000, { holdMs: 60_000 });
    const requests = Array.from({ length: 5_000 }, () => sku.holding());
    for (let n = 0; n < 5; n++) await holdMany(sku.api, requests.slice(n * 1_000, (n + 1) * 1_000));
    const before = (await sku.rows).length;
    pass(60_000);
    const last = requests[4_999];
    if (!last) throw new Error("there are five thousand");
    expect(await sku.api.find(last.order)).toMatchObject({ state: "released" });
    expect(await sku.api.claim({ order: last.order, until: 1 })).toMatchObject({
      error: { code: "released" },
    });
    expect((await sku.api.view())?.held).toBeGreaterThan(0);
    await runDurableObjectAlarm(sku.stub);
    expect(await sku.api.view()).toMatchObject({ available: 10_000, held: 0 });
    const times = new Set((await sku.rows).slice(before).map(({ seq }) => seq));
    expect(times.size).toBeGreaterThan(5);
  });
});
