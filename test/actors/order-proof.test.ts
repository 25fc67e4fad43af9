import { createHash } from "node:crypto";
import { evictDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { HistoryLine, Order } from "../../schema/order.ts";
import { isAnswered, paid, pass, paying, type LiveOrder } from "../fixtures/order-actor.ts";
import { cny } from "../fixtures/orders.ts";

afterEach(() => {
  vi.useRealTimers();
});

const historyOf = (order: LiveOrder): Promise<HistoryLine[]> => order.api.history(0);
const casesOf = (order: LiveOrder) =>
  order.effects.sent.flatMap((message) => (message.type === "case_raised" ? [message.case] : []));

/** Cases are told by the alarm. */
async function told(order: LiveOrder) {
  pass(2_000);
  await order.ring();
  return casesOf(order);
}

async function plant(order: LiveOrder, change: (kept: Order) => Partial<Order>): Promise<void> {
  const kept = await order.api.view();
  if (!kept) throw new Error("there is nothing to spoil");
  const body = JSON.stringify({ ...kept, ...change(kept) }).replaceAll("'", "''");
  await order.sql(`UPDATE current SET body = '${body}'`);
}

test("every entry of a history is chained to the one before, and the order knows the last", async () => {
  const order = await paid();
  await order.api.refund({ amount: cny(60), reason: "worn", by: "sta_ann", key: "r", fingerprint: "f" });
  const lines = await historyOf(order);
  expect(lines.length).toBeGreaterThan(6);
  let prev = "0".repeat(64);
  for (const [at, line] of lines.entries()) {
    const text = [prev, at + 1, line.at, line.kind, line.type, line.detail].join("\n");
    const hash = createHash("sha256").update(text).digest("hex");
    expect(line).toMatchObject({ seq: at + 1, prev, hash });
    prev = hash;
  }
  expect(await order.sql("SELECT seq, hash FROM current")).toEqual([{ seq: lines.length, hash: prev }]);
  expect(await order.api.history(lines.length - 1)).toEqual(lines.slice(-1));
  expect(await order.api.history(lines.length)).toEqual([]);
});

test.for([
  [
    "a word of it is another",
    "UPDATE history SET detail = replace(detail, 'sandbox', 'somebank') WHERE seq = 1",
  ],
  ["its time is another", "UPDATE history SET at = at + 1 WHERE seq = 2"],
  ["an entry says it is something else", "UPDATE history SET type = 'payment_failed' WHERE seq = 3"],
  ["an entry is missing", "DELETE FROM history WHERE seq = 2"],
  ["the last entry is missing", "DELETE FROM history WHERE seq = (SELECT max(seq) FROM history)"],
  [
    "there is one more",
    "INSERT INTO history SELECT seq + 1, at, kind, type, detail, hash, hash FROM history ORDER BY seq DESC LIMIT 1",
  ],
] as const)("a history is shown to nobody and is a case when %s", async ([, spoil]) => {
  const order = await paid();
  await order.sql(spoil);
  expect(await isAnswered(order.api.timeline())).toBe(false);
  expect(await isAnswered(historyOf(order))).toBe(false);
  // The order itself goes on: what became of its money is not in its history alone.
  expect(await order.api.view()).toMatchObject({ state: "paid" });
  expect(await told(order)).toMatchObject([
    { id: `history_broken:${order.placement.order}`, kind: "history_broken", order: order.placement.order },
  ]);
  expect(await told(order)).toHaveLength(1);
});

test("a history of before histories were chained is chained when its order is next needed, and goes on", async () => {
  const order = await paying();
  const before = await order.api.timeline();
  for (const [table, column] of [
    ["history", "prev"],
    ["history", "hash"],
    ["current", "seq"],
    ["current", "hash"],
  ])
    await order.sql(`ALTER TABLE ${table} DROP COLUMN ${column}`);
  await evictDurableObject(order.stub);
  expect(await order.api.timeline()).toEqual(before);
  await order.listen();
  expect(await order.api.report([order.succeeded()])).toMatchObject({ state: "paid" });
  expect((await order.api.timeline()).slice(0, before.length)).toEqual(before);
});

test("an order does not become what it may not be: the commit is refused, people are told, and it goes on", async () => {
  const order = await paying();
  // A payment of another sum than the order's: its provider takes just that, and says so.
  await plant(order, ({ payments }) => ({ payments: payments.map((one) => ({ ...one, amount: cny(1) })) }));
  const before = await order.api.view();
  const short = { ...order.succeeded(), amount: cny(1) };
  expect(await isAnswered(order.api.report([short]))).toBe(false);
  expect(await isAnswered(order.api.report([short]))).toBe(false);
  expect(await order.api.view()).toEqual(before);
  expect(await told(order)).toMatchObject([
    {
      id: expect.stringMatching(
        /^rule_broken:ord_\w+:an-order-is-paid-for-with-its-amount:\d{4}-\d\d-\d\d$/,
      ) as string,
      kind: "rule_broken",
      order: order.placement.order,
    },
  ]);
  const payment = order.payment();
  const failed = { type: "payment_failed", payment, failure: "declined", source: { via: "query" } } as const;
  expect(await order.api.report([failed])).toMatchObject({ state: "pending" });
  await order.start("k2");
  expect(await order.api.report([order.succeeded({ via: "query" }, 2)])).toMatchObject({ state: "paid" });
});

test("the clock, which may not move a spoiled order, has its work done all the same, and comes again later", async () => {
  const order = await paying();
  await order.api.report([order.succeeded()]);
  expect(await order.outbox()).toEqual(["commit_stock:1", "publish"]);
  await plant(order, () => ({ paidBy: null }));
  const asked = order.asked.length;
  pass(6_000);
  await order.ring();
  expect(order.asked.slice(asked)).toContain("commit_stock");
  expect(await order.alarmAt()).not.toBeNull();
  // The next alarm finds it spoiled still, which is the same case.
  expect(new Set((await told(order)).map(({ id }) => id)).size).toBe(1);
});

test("while the queue is down a case waits on disk, also when the object is gone meanwhile", async () => {
  const order = await paid();
  await order.sql("DELETE FROM history WHERE seq = 1");
  order.effects.isTaking = false;
  expect(await isAnswered(order.api.timeline())).toBe(false);
  expect(await told(order)).toEqual([]);
  await evictDurableObject(order.stub);
  await order.listen();
  order.effects.isTaking = true;
  pass(40_000);
  await order.ring();
  expect(casesOf(order)).toMatchObject([{ kind: "history_broken" }]);
});
