import { expect, test } from "vitest";
import { decide } from "../../durable-objects/order/machine.ts";
import { dueAt } from "../../durable-objects/order/time.ts";
import type { Order, Report } from "../../schema/order.ts";
import { PAY_BY, reports, situations } from "../fixtures/orders.ts";

const HOUR_MS = 3_600_000;
/** A clock that comes this often would be an order that never sleeps. */
const QUESTIONS_MAX = 200;

/** A provider that answers nobody until this moment: an order's alarms, one after the other, and what they ask for. */
function livedThrough(from: Order, until: number) {
  let order = from;
  const asked: string[] = [];
  const cases: string[] = [];
  const clock = { type: "clock_ticked" } as const;
  for (let now = dueAt(order) ?? until; now < until; now = dueAt(order) ?? until) {
    const decided = decide(order, clock, now);
    order = decided.order;
    for (const effect of decided.effects) {
      if (effect.type === "open_case") cases.push(effect.case.kind);
      else asked.push(effect.type);
      if (effect.type !== "query_payment" && effect.type !== "close_payment") continue;
      order = decide(order, reports(order).unknown, now).order;
    }
    if (asked.length > QUESTIONS_MAX) throw new Error("it never sleeps");
  }
  return { order, asked, cases };
}

test.for<[string, (order: Order) => Report, Partial<Order>]>([
  ["it had taken the money", (order) => reports(order).succeeded, { state: "paid", reason: null }],
  ["nobody had paid", (order) => reports(order).closed, { state: "expired", reason: "pay_by_passed" }],
])("a provider is down for an hour, and then says that %s", ([, said, end]) => {
  const back = PAY_BY + HOUR_MS + 600_000;
  const { order, asked, cases } = livedThrough(situations.paying(), back);
  // Its unit is still the buyer's: silence is no answer.
  expect(order).toMatchObject({ state: "paying", stock: "held", refunds: [] });
  expect(asked).not.toContain("release_stock");
  expect(asked.slice(0, 3)).toEqual(["query_payment", "query_payment", "query_payment"]);
  expect(asked.at(-1)).toBe("close_payment");
  expect(cases).toEqual(["fate_open"]);
  expect(decide(order, said(order), back).order).toMatchObject(end);
});
