import { expect, test } from "vitest";
import { keyOf } from "../../durable-objects/order/decision.ts";
import { decide, start } from "../../durable-objects/order/machine.ts";
import type { Effect, Order, Report } from "../../schema/order.ts";
import { chanceOf } from "../chance.ts";
import { cny, PAY_BY, PLACED_AT, reports, situations, startRequest } from "../fixtures/orders.ts";

const SCHEDULES = 1_000;
const COPIES = 5;

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const cards = [...items];
  for (let at = cards.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [cards[at], cards[other]] = [cards[other] as T, cards[at] as T];
  }
  return cards;
}

/** What the world does with a piece of work: stock is there, providers do as they are told. */
function answerTo(effect: Effect, order: Order): Report | null {
  const source = { via: "answer" } as const;
  switch (effect.type) {
    case "commit_stock":
      return { type: "stock_committed" };
    case "retake_stock":
      return { type: "stock_retaken", take: effect.take };
    case "release_stock":
      return { type: "stock_released", take: effect.take, sold: false };
    case "capture_payment":
      return { ...reports(order).succeeded, payment: effect.payment, source };
    case "refund_payment":
      return { type: "refund_succeeded", refund: effect.refund, source };
    default:
      return null;
  }
}

/**
 * Work that may be asked for or not, depending on what is heard first, and changes nothing at the end: questions and closing; a
 * capture of what is taken already; units that are let go and taken again.
 */
const HARMLESS = new Set<Effect["type"]>([
  "query_payment",
  "close_payment",
  "capture_payment",
  "release_stock",
  "retake_stock",
]);

/** Hears everything, and after each word does the work it caused. Answers with the end, and all the work by name. */
function live(from: Order, schedule: readonly Report[], now: number): { end: Order; work: Set<string> } {
  let end = from;
  const work = new Set<string>();
  const done = new Set<string>();
  const hear = (report: Report): void => {
    const { order, effects } = decide(end, report, now);
    end = order;
    for (const effect of effects) {
      const key = keyOf(effect);
      const answer = done.has(key) ? null : answerTo(effect, end);
      done.add(key);
      if (!HARMLESS.has(effect.type)) work.add(key);
      if (answer) hear(answer);
    }
  };
  for (const report of schedule) hear(report);
  return { end, work };
}

const twice = (): { order: Order; news: Report[] } => {
  const one = situations.declined();
  const started = start(one, startRequest(one), PLACED_AT + 1_000);
  if (!started.ok) throw new Error(started.error.code);
  const { order } = started.value;
  return { order, news: order.payments.map(({ id }) => ({ ...reports(order).succeeded, payment: id })) };
};

const of = (order: Order, ...names: (keyof ReturnType<typeof reports>)[]) => ({
  order,
  news: names.map((name) => reports(order)[name] as Report),
});

/** True stories as callbacks tell them. Where the order comes to is the story's, not the callbacks'. */
const STORIES: [string, () => { order: Order; news: Report[] }, number, string][] = [
  ["paid at once", () => of(situations.paying(), "action", "open", "succeeded"), PLACED_AT, "paid"],
  [
    "promised, then taken",
    () => of(situations.paying(), "action", "authorized", "succeeded"),
    PLACED_AT,
    "paid",
  ],
  [
    "declined first, paid in the end",
    () => of(situations.paying(), "failed", "succeeded"),
    PLACED_AT,
    "paid",
  ],
  [
    "said to be closed, paid all the same",
    () => of(situations.paying(), "closed", "succeeded"),
    PLACED_AT,
    "paid",
  ],
  [
    "never heard of, then paid",
    () => of(situations.paying(), "notFound", "succeeded"),
    PLACED_AT + 20_000,
    "paid",
  ],
  ["paid after the order had expired", () => of(situations.expired(), "succeeded"), PAY_BY + 60_000, "paid"],
  ["closed for good", () => of(situations.paying(), "open", "closed"), PAY_BY + 1, "expired"],
  ["paid by two providers", twice, PLACED_AT + 2_000, "paid"],
];

test.for(STORIES)("%s: each callback five times, in any order, ends alike", ([, story, now, state]) => {
  const { order, news } = story();
  const ends = new Set<string>();
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const copies = Array.from({ length: COPIES }, () => news).flat();
    const { end, work } = live(order, shuffled(copies, chanceOf(seed)), now);
    expect(end.state, `SEED=${seed}`).toBe(state);
    const money = end.payments.map(({ state: of_ }) => of_).toSorted((a, b) => (a < b ? -1 : 1));
    const back = end.refunds.map(({ state: of_, amount, reason }) => [of_, amount.amount, reason]);
    const keys = [...work]
      .map((key) => key.replace(/:(pay|ref)_.*/, ""))
      .toSorted((a, b) => (a < b ? -1 : 1));
    ends.add(JSON.stringify([end.stock, money, back, keys]));
  }
  expect([...ends]).toHaveLength(1);
});

test("money that came twice is given back once, whichever came first", () => {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const { order, news } = twice();
    const { end } = live(order, shuffled([...news, ...news, ...news], chanceOf(seed)), PLACED_AT + 2_000);
    expect(end.refunds).toMatchObject([
      { amount: cny(100), reason: "duplicate_payment", state: "succeeded" },
    ]);
    expect(end.refunds[0]?.payment).not.toBe(end.paidBy);
  }
});
