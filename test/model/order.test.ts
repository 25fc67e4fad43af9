import { env, runInDurableObject } from "cloudflare:test";
import * as fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import type { OrderActor } from "../../durable-objects/order/actor.ts";
import type { OrderApi } from "../../schema/actors.ts";
import { paymentIdOf, refundIdOf } from "../../schema/ids.ts";
import type { Placement, Report } from "../../schema/order.ts";
import { cny, placement, startRequest } from "../fixtures/orders.ts";
import { OrderObject } from "../sim/order-object.ts";
import { liveAlike, STARTS, type Twins } from "./twins.ts";

/** An order in the real runtime beside the one that the simulation lives with: the same is asked of both, and both must be alike. */

const HOLD_MS = 600_000;

afterEach(() => {
  vi.useRealTimers();
});

/** The simulation's order is the model: its machine is the real one, and its rows are in memory. */
interface Model {
  now: number;
  readonly order: OrderObject;
}

class Real {
  readonly placement: Placement;

  constructor() {
    this.placement = placement({ createdAt: STARTS, payBy: STARTS + HOLD_MS });
  }

  /** A fresh one each time: a stub that has seen its object die stays broken. */
  get stub() {
    return env.ORDER.getByName(this.placement.order);
  }

  /** Its queues take everything and say nothing. */
  async deafen(): Promise<void> {
    const silent = { send: async () => undefined, sendBatch: async () => undefined };
    await runInDurableObject(this.stub, (actor: OrderActor) => {
      const value = { ...env, ORDER_EVENTS: silent, EFFECTS: silent };
      Object.defineProperty(actor, "env", { value, configurable: true });
    });
  }

  async row(): Promise<{ order: unknown; owed: string[] }> {
    // What nobody has seen a difference in yet is written before anybody reads the history.
    await (this.stub as OrderApi).timeline();
    return runInDurableObject(this.stub, (_, { storage: { sql } }) => {
      if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'current'").toArray().length === 0)
        return { order: null, owed: [] };
      const owed = sql.exec("SELECT key FROM outbox ORDER BY key").toArray();
      const { body } = sql.exec("SELECT body FROM current").one();
      return { order: JSON.parse(String(body)) as unknown, owed: owed.map(({ key }) => String(key)) };
    });
  }
}

const WORDS = [
  "action",
  "open",
  "unknown",
  "authorized",
  "succeeded",
  "succeeded",
  "wrongSum",
  "failed",
  "closed",
  "notFound",
  "committed",
  "retaken",
  "gone",
  "refundSucceeded",
  "refundFailed",
  "query",
  "tick",
] as const;

type Ask =
  | { type: "start" | "cancel" | "refund"; n: number }
  | { type: "report"; word: (typeof WORDS)[number]; n: number; isCallback: boolean };

function reportOf(
  of: Placement,
  take: number,
  { word, n, isCallback }: Extract<Ask, { type: "report" }>,
): Report {
  const payment = paymentIdOf(of.order, n);
  const refund = refundIdOf(of.order, n);
  const source = isCallback
    ? ({ via: "callback", event: `evt_${word}_${n}`, provider: "sandbox", account: "main" } as const)
    : ({ via: "query" } as const);
  const about = { payment, providerRef: "bnk_1", source };
  switch (word) {
    case "action":
      return { type: "payment_action_required", action: { type: "qr", content: "x" }, ...about };
    case "open":
      return { type: "payment_open", payment, source };
    case "unknown":
      return { type: "payment_unknown", payment, cause: "timeout", source };
    case "authorized":
      return { type: "payment_authorized", amount: of.amount, ...about };
    case "succeeded":
      return { type: "payment_succeeded", amount: of.amount, ...about };
    case "wrongSum":
      return { type: "payment_succeeded", amount: cny(1), ...about };
    case "failed":
      return { type: "payment_failed", payment, failure: "declined", source };
    case "closed":
      return { type: "payment_closed", payment, source };
    case "notFound":
      return { type: "payment_not_found", payment, source };
    case "committed":
      return { type: "stock_committed" };
    case "retaken":
      return { type: "stock_retaken", take };
    case "gone":
      return { type: "stock_gone", take };
    case "refundSucceeded":
      return { type: "refund_succeeded", refund, source };
    case "refundFailed":
      return { type: "refund_failed", refund, failure: "refused", source };
    case "query":
      return { type: "query_requested", by: "buyer" };
    case "tick":
      return { type: "clock_ticked" };
  }
}

/** The same question to either of the two. */
function put(order: OrderApi | OrderObject, of: Placement, take: number, ask: Ask): unknown {
  switch (ask.type) {
    case "start":
      return order.start(startRequest(of, { key: `k${ask.n}`, fingerprint: `f${ask.n}` }));
    case "cancel":
      return order.cancel(of);
    case "refund": {
      const amount = ask.n === 1 ? null : cny(ask.n * 20);
      return order.refund({ amount, reason: "staff", by: "ann", key: `r${ask.n}`, fingerprint: "f" });
    }
    case "report": {
      const reports = [reportOf(of, take, ask)];
      return order instanceof OrderObject ? order.report(reports, null) : order.report(reports);
    }
  }
}

const n = fc.integer({ min: 1, max: 2 });
const ask: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant("start" as const), n }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("cancel" as const, "refund" as const), n }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("report" as const),
      word: fc.constantFrom(...WORDS),
      n,
      isCallback: fc.boolean(),
    }),
  },
);

const twins: Twins<Model, Real, Ask> = {
  ask,
  waitMsMax: HOLD_MS,
  table: "current",
  hasTable: ({ order }) => order.rows !== null,
  stubOf: (real) => real.stub,

  async put({ order }, real, one, times) {
    const take = order.order?.take ?? 1;
    const copies = Array.from({ length: times }, () => one);
    const expected = copies.map((copy) => put(order, real.placement, take, copy));
    const answers = await Promise.all(copies.map((copy) => put(real.stub, real.placement, take, copy)));
    expect(answers).toEqual(expected);
  },

  async putInVain({ order }, real, one) {
    const take = order.order?.take ?? 1;
    const answer = await Promise.resolve(put(real.stub, real.placement, take, one)).then(
      (value) => ({ value }),
      () => null,
    );
    if (answer) expect(answer.value).toEqual(put(order, real.placement, take, one));
  },

  async revive({ order }, real) {
    await real.deafen();
    order.crash();
  },

  async compare({ order }, real) {
    const owed = [...(order.rows?.outbox.keys() ?? [])].toSorted((a, b) => (a < b ? -1 : 1));
    expect(await real.row()).toEqual({ order: order.order, owed });
  },
};

async function make(): Promise<{ model: Model; real: Real }> {
  const real = new Real();
  await real.deafen();
  const model: Model = {
    now: STARTS,
    order: new OrderObject(real.placement.order, {
      now: () => model.now,
      asked: () => undefined,
      alarm: () => undefined,
      stored: (order) => order,
      send: () => undefined,
      committed: () => undefined,
    }),
  };
  return { model, real };
}

test(
  "answers and is like its machine, whatever it hears, is disturbed by, or cannot store",
  { timeout: 300_000 },
  () => liveAlike(twins, fc.constant(null), make),
);
