import { createExecutionContext, env } from "cloudflare:test";
import { beforeEach, describe, expect, test } from "vitest";
import type { Order, Payment } from "../../schema/order.ts";
import type { BillRow } from "../../worker/providers/port.ts";
import { listCases } from "../../worker/read-models/cases.ts";
import { project } from "../../worker/read-models/projection.ts";
import { reconcileWith } from "../../worker/reconciliation/reconcile.ts";
import { schedule } from "../../worker/schedules/schedule.ts";
import { cny, placement, payment, pending, refund } from "../fixtures/orders.ts";
import { FakeOrder, worldOf } from "./world.ts";

const DAY = "2026-11-21";
const NOON = Date.parse("2026-11-21T12:00:00.000+08:00");
let banks = 0;
/** A bank of each test's own, since all of them share one D1. */
let receiver = { provider: "bill-bank", account: "main" };
beforeEach(() => {
  receiver = { provider: `bill-bank-${++banks}`, account: "main" };
});

/** An order whose payment went so, at noon in Beijing. */
function paidAt(state: Payment["state"], createdAt = NOON): Order {
  const order = pending(placement({ createdAt }));
  const only = payment(order, { ...receiver, state, createdAt, askAt: null });
  const isPaid = state === "succeeded";
  return { ...order, state: isPaid ? "paid" : "paying", payments: [only], paidBy: isPaid ? only.id : null };
}

const idOf = ({ payments: [only] }: Order): string => only?.id ?? "";
const rowOf = (order: Order, facts: Partial<BillRow> = {}): BillRow => ({
  kind: "payment",
  reference: idOf(order),
  amount: order.amount,
  ...facts,
});
const store = (...orders: Order[]) =>
  project(
    env.DB,
    orders.map((order) => ({ order, rank: 1 })),
  );

async function reconciled(orders: Order[], bill: BillRow[]) {
  await store(...orders);
  const actors = Object.fromEntries(orders.map((order) => [order.order, new FakeOrder(order)]));
  const done = await reconcileWith(worldOf({ orders: actors }), receiver, DAY, bill, NOON);
  return { ...done, actors };
}

test("the clock compares what there is to compare, and sweeps at all other times", async () => {
  // The sandbox has no bills: nothing to do, and nothing goes wrong.
  const at = (cron: string) =>
    schedule({ cron, scheduledTime: NOON, noRetry: () => {} }, env, createExecutionContext());
  await expect(at("30 2 * * *")).resolves.toBeUndefined();
  await expect(at("*/5 * * * *")).resolves.toBeUndefined();
});

describe("a bill", () => {
  test("that says what we know is matched, and opens nothing", async () => {
    const one = paidAt("succeeded");
    const back = { ...refund(one), state: "succeeded" as const, amount: cny(40) };
    const given = { ...one, refunds: [back] };
    const rows = [rowOf(given), { kind: "refund" as const, reference: back.id, amount: back.amount }];
    expect(await reconciled([given], rows)).toMatchObject({ matched: 2, differences: [] });
  });

  test("with another sum, or money that with us never came, is a case, and the order asks again", async () => {
    const [short, lost] = [paidAt("succeeded"), paidAt("unknown")];
    const rows = [rowOf(short, { amount: cny(99) }), rowOf(lost)];
    const { matched, differences, actors } = await reconciled([short, lost], rows);
    expect(matched).toBe(0);
    expect(differences).toMatchObject([
      { kind: "amount", reference: idOf(short) },
      { kind: "theirs", reference: idOf(lost) },
    ]);
    expect(actors[lost.order]?.heard).toMatchObject([{ reports: [{ type: "query_requested", by: "bill" }] }]);
    expect(actors[short.order]?.heard).toEqual([]);
    const ids = (await listCases(env.DB)).map(({ id }) => id);
    expect(ids).toContain(`bill_mismatch:amount:${idOf(short)}`);
    expect(ids).toContain(`bill_mismatch:theirs:${idOf(lost)}`);
  });

  test("without a payment of ours is a case, unless it may be on the next day's", async () => {
    const missing = paidAt("succeeded");
    const late = paidAt("succeeded", Date.parse("2026-11-21T23:30:00.000+08:00"));
    const before = paidAt("succeeded", Date.parse("2026-11-20T23:59:59.000+08:00"));
    const { differences } = await reconciled([missing, late, before], []);
    const references = differences.map(({ reference }) => reference);
    expect(references).toContain(idOf(missing));
    expect(references).not.toContain(idOf(late));
    expect(references).not.toContain(idOf(before));
  });

  test("speaks of other business too, which is none of ours", async () => {
    const rows = [rowOf(paidAt("succeeded"), { reference: "another-shop-1" })];
    expect((await reconciled([], rows)).differences.filter(({ kind }) => kind !== "ours")).toEqual([]);
  });

  test("read twice opens nothing twice", async () => {
    const lost = paidAt("unknown");
    await reconciled([lost], [rowOf(lost)]);
    await reconciled([lost], [rowOf(lost)]);
    const same = (await listCases(env.DB)).filter(({ id }) => id === `bill_mismatch:theirs:${idOf(lost)}`);
    expect(same).toHaveLength(1);
  });
});
