import { abortAllDurableObjects, env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { QUEUE_MAX } from "../../durable-objects/sku/commit-queue.ts";
import type { SkuActor } from "../../durable-objects/sku/actor.ts";
import type { SkuApi } from "../../schema/actors.ts";
import { orderIdOf, skuNumberOf, type OrderId } from "../../schema/ids.ts";
import type { OrderEventMessage } from "../../schema/messages.ts";
import type { HoldRequest, SkuConfig, StockMove } from "../../schema/sku.ts";

const HOUR_MS = 3_600_000;
let count = 0;
let now = 0;

/** Queues under the test's control: what was sent, and whether they take it. */
class FakeQueue {
  readonly sent: unknown[] = [];
  taking = true;

  async sendBatch(messages: Iterable<{ body: unknown }>): Promise<void> {
    if (!this.taking) throw new Error("the queue is down");
    for (const { body } of messages) this.sent.push(structuredClone(body));
  }
}

class Sku {
  readonly id = `sku-${++count}`;
  readonly stub = env.SKU.getByName(skuNumberOf(this.id));
  readonly orderEvents = new FakeQueue();
  readonly effects = new FakeQueue();
  #orders = 0;

  /** Asked through a fresh stub each time: one that has seen an abort stays broken. */
  get api(): SkuApi {
    return env.SKU.getByName(skuNumberOf(this.id)) as unknown as SkuApi;
  }

  config(change: Partial<SkuConfig> = {}): SkuConfig {
    const price = { amount: 100, currency: "CNY" };
    const window = { opensAt: now - HOUR_MS, closesAt: now + 100 * HOUR_MS };
    return { sku: this.id, sale: "sale", name: "Lamp", price, perBuyerMax: 5, holdMs: 60_000, ...window, ...change };
  }

  order(): OrderId {
    const chance = new Uint8Array(5);
    new DataView(chance.buffer).setUint32(1, ++this.#orders);
    return orderIdOf(skuNumberOf(this.id), now, chance);
  }

  holding(change: Partial<HoldRequest> = {}): HoldRequest {
    const order = change.order ?? this.order();
    const home = { key: order, fingerprint: "f", others: [], othersHeldUntil: null };
    return { order, buyer: `buyer-${order}`, sale: "sale", quantity: 1, home, ...change };
  }

  move(request: HoldRequest, take = 1): StockMove {
    const { order, buyer, quantity } = request;
    return { order, buyer, quantity, take };
  }

  get rows(): Promise<{ seq: number; at: number; body: string }[]> {
    return this.sql("SELECT seq, at, body FROM journal ORDER BY seq");
  }

  sql<Row extends Record<string, SqlStorageValue>>(query: string): Promise<Row[]> {
    return runInDurableObject(env.SKU.getByName(skuNumberOf(this.id)), (_, { storage }) => storage.sql.exec<Row>(query).toArray());
  }

  /** Puts the fake queues into the living instance; they are gone when it leaves memory. */
  async listen(): Promise<void> {
    await runInDurableObject(env.SKU.getByName(skuNumberOf(this.id)), (actor: SkuActor) => {
      const queues = { ORDER_EVENTS: this.orderEvents, EFFECTS: this.effects };
      Object.defineProperty(actor, "env", { value: { ...env, ...queues }, configurable: true });
    });
  }

  get changes() {
    return (this.orderEvents.sent as OrderEventMessage[]).filter((message) => message.type === "sku_changed");
  }
}

async function selling(stock = 100, change: Partial<SkuConfig> = {}): Promise<Sku> {
  const sku = new Sku();
  await sku.listen();
  const configured = await sku.api.configure(sku.config(change), stock);
  if (!configured.ok) throw new Error(configured.error.code);
  return sku;
}

/** Waits for something that happens by itself. */
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await done()); waited += 20) {
    if (waited > 5_000) throw new Error("waited five seconds for nothing");
    await scheduler.wait(20);
  }
}

const succeeded = (answers: { ok: boolean }[]): number => answers.filter(({ ok }) => ok).length;

beforeEach(() => {
  now = Date.now();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Alarms keep the real clock, so a faked one only ever moves ahead of it. */
function pass(ms: number): void {
  now = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now);
}

describe("a SKU that nobody configured", () => {
  test("answers, and leaves nothing on disk", async () => {
    const sku = new Sku();
    const request = sku.holding();
    expect(await sku.api.view()).toBeNull();
    expect(await sku.api.find(request.order)).toBeNull();
    expect(await sku.api.holdsOf("ann")).toEqual([]);
    expect(await sku.api.hold(request)).toEqual({ ok: false, error: { code: "unknown_sku" } });
    expect(await sku.api.release(sku.move(request), "refused")).toEqual({ ok: false, error: { code: "unknown_sku" } });
    await sku.api.published(7);
    expect(await sku.sql("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")).toEqual([]);
    expect(await runDurableObjectAlarm(sku.stub)).toBe(false);
  });
});

describe("a rush", () => {
  test("of a thousand buyers for a hundred units sells exactly a hundred, in far fewer commits", async () => {
    const sku = await selling(100);
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => sku.api.hold(sku.holding())));
    expect(succeeded(answers)).toBe(100);
    expect(answers.filter((answer) => !answer.ok && answer.error.code === "sold_out").length).toBe(900);
    expect(await sku.api.view()).toMatchObject({ initial: 100, restocked: 0, available: 0, held: 100, sold: 0 });
    expect((await sku.rows).length).toBeLessThan(20);
  });

  test("shares one commit among all who come in one turn", async () => {
    const sku = await selling(100);
    const requests = Array.from({ length: 50 }, () => sku.holding());
    await runInDurableObject(sku.stub, (actor: SkuActor) => Promise.all(requests.map((request) => actor.hold(request))));
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
    const requests = Array.from({ length: 300 }, () => sku.holding());
    await runInDurableObject(sku.stub, (actor: SkuActor) => Promise.all(requests.map((request) => actor.hold(request))));
    const rows = await sku.rows;
    expect(rows.length).toBeGreaterThan(3);
    for (const { body } of rows) expect(new TextEncoder().encode(body).length).toBeLessThan(100_000);
    await until(() => sku.changes.flatMap(({ placed }) => placed).length === 300);
    for (const message of sku.changes)
      expect(new TextEncoder().encode(JSON.stringify(message)).length).toBeLessThan(100_000);
    expect(new Set(sku.changes.map(({ through }) => through)).size).toBe(sku.changes.length);
  });

  test("does not let one unsound request spoil the others", async () => {
    const sku = await selling(10);
    const wrong = sku.api.hold(sku.holding({ quantity: 1.5 })).then(
      () => "answered",
      () => "refused",
    );
    expect(await Promise.all([wrong, sku.api.hold(sku.holding()).then(({ ok }) => ok)])).toEqual(["refused", true]);
  });
});

describe("what was answered", () => {
  async function busy(): Promise<{ sku: Sku; held: HoldRequest; sold: HoldRequest }> {
    const sku = await selling(10);
    const [held, sold, released] = [sku.holding(), sku.holding(), sku.holding()];
    for (const request of [held, sold, released]) await sku.api.hold(request);
    await sku.api.claim({ order: sold.order, until: now + HOUR_MS });
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
    expect([await sku.api.view(), await sku.api.find(held.order), await sku.api.holdsOf(sold.buyer)]).toEqual(before);
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
    await sku.sql(`CREATE TRIGGER break_commit AFTER INSERT ON journal BEGIN INSERT INTO child VALUES (1); END`);
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
    await sku.sql(`CREATE TRIGGER break_row BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'broken'); END`);
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
    await sku.sql("INSERT INTO journal SELECT seq + 1, at, hash, hash, '[]' FROM journal ORDER BY seq DESC LIMIT 1");
    const answer = await sku.api.view().then(
      () => "answered",
      () => "refused",
    );
    expect(answer).toBe("refused");
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

  test("of many events is spared at start-up by a snapshot, which gives the same state, and is kept", { timeout: 60_000 }, async () => {
    const sku = await selling(100_000);
    const requests: HoldRequest[] = Array.from({ length: 10_000 }, () => sku.holding());
    const all = <T>(ask: (actor: SkuActor, request: HoldRequest) => Promise<T>): Promise<T[]> =>
      runInDurableObject(env.SKU.getByName(skuNumberOf(sku.id)), (actor: SkuActor) =>
        Promise.all(requests.map((request) => ask(actor, request))),
      );
    await all((actor, request) => actor.hold(request));
    expect(await sku.sql("SELECT chunk FROM snapshot")).toEqual([]);
    await all((actor, request) => actor.commit(sku.move(request)));
    const [snapshot] = await sku.sql<{ chunks: number; seq: number }>("SELECT COUNT(*) AS chunks, MAX(seq) AS seq FROM snapshot");
    expect(snapshot?.chunks).toBeGreaterThan(3);
    const [last] = requests.slice(-1);
    if (last) await sku.api.release(sku.move({ ...last, order: sku.order() }), "refused");

    const before = await sku.api.view();
    expect(before).toMatchObject({ available: 90_000, held: 0, sold: 10_000 });
    await evictDurableObject(sku.stub);
    expect(await sku.api.view()).toEqual(before);
    expect(await sku.sql("SELECT COUNT(*) AS n FROM journal")).toEqual([{ n: before?.version }]);
    const again = await all((actor, request) => actor.hold(request));
    expect(again.every((answer) => answer.ok && answer.value.replayed)).toBe(true);
    // What came before the snapshot is not read again; a later row is.
    await sku.sql(`UPDATE journal SET body = '[]' WHERE seq = 1`);
    await evictDurableObject(sku.stub);
    expect(await sku.api.view()).toEqual(before);
  });
});

describe("an unpaid hold", () => {
  test("is free again by itself within a second of its end", async () => {
    const sku = await selling(1, { holdMs: 300 });
    await sku.api.hold(sku.holding());
    await until(async () => (await sku.rows).some(({ body }) => body.includes(`"released"`)));
    const [row] = (await sku.rows).slice(-1);
    expect((row?.at ?? 0) - now).toBeLessThan(1_300);
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
    expect(sku.changes.map(({ placed }) => placed.map(({ order }) => order))).toEqual([[paid.order], [dies.order]]);
    expect(sku.changes.map(({ sku: number, through }) => [number, through])).toEqual([
      [skuNumberOf(sku.id), 2],
      [skuNumberOf(sku.id), 3],
    ]);

    await sku.api.claim({ order: paid.order, until: now + HOUR_MS });
    pass(60_000);
    await sku.api.view();
    await until(() => sku.changes.length === 5);
    // The two that nobody acknowledged came again, and the death of the third.
    expect(sku.changes.flatMap(({ expired }) => expired)).toEqual([
      { placement: expect.objectContaining({ order: dies.order }), at: now },
    ]);
    const through = sku.changes.map((change) => change.through);
    expect(through.slice(2).sort()).toEqual([2, 3, 5]);

    for (const row of through) await sku.api.published(row);
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
    await sku.api.published(3);
    expect(await sku.sql("SELECT published FROM meta")).toEqual([]);
    await sku.api.published(2);
    expect(await sku.sql("SELECT published FROM meta")).toEqual([{ published: 3 }]);
  });

  test("is told later when the queue does not take it, and buyers do not notice", async () => {
    const sku = await selling(10);
    sku.orderEvents.taking = false;
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await sku.api.hold(sku.holding())).toMatchObject({ ok: true });
    await until(() => complaints.mock.calls.length > 0);
    expect(String(complaints.mock.calls[0]?.[0])).toContain("sku_publish_failed");
    expect(await sku.api.hold(sku.holding())).toMatchObject({ ok: true });
    complaints.mockRestore();
    sku.orderEvents.taking = true;
    pass(10_000);
    await runDurableObjectAlarm(sku.stub);
    expect(sku.changes.flatMap(({ placed }) => placed)).toHaveLength(2);
  });
});

describe("a claim whose order never came back", () => {
  test("is asked about at its deadline, also after a restart, until it ends", async () => {
    const sku = await selling(10);
    const request = sku.holding({ quantity: 2 });
    await sku.api.hold(request);
    await sku.api.claim({ order: request.order, until: now + 120_000 });
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
