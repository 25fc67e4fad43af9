import { expect, test } from "vitest";
import { cancel, decide, EDGES, finish, start } from "../../durable-objects/order/machine.ts";
import { requestRefund } from "../../durable-objects/order/refunds.ts";
import { paymentIdOf } from "../../schema/ids.ts";
import { ORDER_STATES, type Order, type Report } from "../../schema/order.ts";
import { cny, PAY_BY, PLACED_AT, pending, reports, situations, startRequest } from "../fixtures/orders.ts";

/** Times a row may happen at, in ms after the order was placed. */
const AT: Record<string, number> = { soon: 1_000, asked: 10_000, late: 600_000, hours: 600_000 + 3_600_000 };

/**
 * The rule book. A row for each situation and report that moves an order or asks for something; `when` is the time. What an
 * order becomes is its state, its payment's state and what its stock is.
 */
const TABLE = `
  from         report           when   state     payment          stock      effects
  creating     action           soon   paying    requires_action  held       -
  creating     open             soon   paying    requires_action  held       -
  creating     unknown          soon   paying    unknown          held       -
  creating     authorized       soon   paying    authorized       held       commit_stock
  creating     succeeded        soon   paid      succeeded        held       commit_stock
  creating     wrongSum         soon   paying    created          held       open_case
  creating     failed           soon   pending   failed           held       -
  creating     closed           soon   pending   cancelled        held       -
  creating     notFound         asked  pending   failed           held       -
  creating     query            soon   paying    created          held       query_payment
  creating     tick             asked  paying    created          held       query_payment
  creating     tick             late   paying    created          held       close_payment
  paying       authorized       soon   paying    authorized       held       commit_stock
  paying       succeeded        soon   paid      succeeded        held       commit_stock
  paying       succeeded        late   paid      succeeded        held       commit_stock
  paying       wrongSum         soon   paying    requires_action  held       open_case
  paying       failed           soon   pending   failed           held       -
  paying       failed           late   expired   failed           released   release_stock
  paying       closed           soon   pending   cancelled        held       -
  paying       closed           late   expired   cancelled        released   release_stock
  paying       notFound         soon   pending   failed           held       -
  paying       notFound         late   expired   failed           released   release_stock
  paying       query            soon   paying    requires_action  held       query_payment
  paying       query            late   paying    requires_action  held       close_payment
  paying       tick             asked  paying    requires_action  held       query_payment
  paying       tick             late   paying    requires_action  held       close_payment
  paying       tick             hours  paying    requires_action  held       close_payment,open_case
  authorized   succeeded        soon   paid      succeeded        held       commit_stock
  authorized   wrongSum         soon   paying    authorized       held       open_case
  authorized   failed           soon   pending   failed           held       -
  authorized   notFound         soon   pending   failed           held       -
  authorized   closed           late   expired   cancelled        released   release_stock
  authorized   committed        soon   paying    authorized       committed  capture_payment
  authorized   gone             soon   expired   authorized       released   release_stock,close_payment
  authorized   query            late   paying    authorized       held       query_payment
  authorized   tick             late   paying    authorized       held       query_payment,commit_stock
  committed    authorized       soon   paying    authorized       committed  capture_payment
  committed    succeeded        soon   paid      succeeded        committed  -
  committed    wrongSum         soon   paying    authorized       committed  open_case
  committed    failed           soon   expired   failed           committed  open_case
  committed    closed           soon   expired   cancelled        committed  open_case
  committed    notFound         soon   expired   failed           committed  open_case
  committed    query            soon   paying    authorized       committed  query_payment
  committed    tick             late   paying    authorized       committed  query_payment
  declined     action           soon   pending   failed           held       close_payment
  declined     authorized       soon   pending   failed           held       close_payment
  declined     succeeded        soon   paid      succeeded        held       commit_stock
  declined     wrongSum         soon   pending   failed           held       open_case
  declined     tick             late   expired   failed           released   release_stock
  pending      tick             late   expired   -                released   release_stock
  uncommitted  committed        soon   paid      succeeded        committed  -
  uncommitted  gone             soon   paid      succeeded        released   refund_payment,open_case
  expired      action           soon   expired   cancelled        released   close_payment
  expired      authorized       soon   expired   cancelled        released   close_payment
  expired      succeeded        late   expired   succeeded        retaking   retake_stock
  expired      wrongSum         late   expired   cancelled        released   open_case
  retaking     retaken          late   paid      succeeded        held       commit_stock
  retaking     gone             late   expired   succeeded        released   refund_payment
  refunding    refundSucceeded  soon   refunded  succeeded        committed  -
  refunding    refundFailed     soon   paid      succeeded        committed  open_case
`;

type Row = Record<"from" | "report" | "when" | "state" | "payment" | "stock" | "effects", string>;

function rows(table: string): Row[] {
  const [head = [], ...body] = table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  return body.map((cells) => Object.fromEntries(head.map((name, index) => [name, cells[index]])) as Row);
}

const situationOf = (name: string): Order => situations[name as keyof typeof situations]();
const reportOf = (order: Order, name: string): Report =>
  reports(order)[name as keyof ReturnType<typeof reports>];

test.for(rows(TABLE))(
  "$from + $report ($when) -> $state, payment $payment, stock $stock, $effects",
  (row) => {
    const order = situationOf(row.from);
    const { order: after, effects } = decide(
      order,
      reportOf(order, row.report),
      PLACED_AT + (AT[row.when] ?? 0),
    );
    expect(after.state).toBe(row.state);
    expect(after.payments[0]?.state ?? "-").toBe(row.payment);
    expect(after.stock).toBe(row.stock);
    expect(effects.map(({ type }) => type).join(",") || "-").toBe(row.effects);
  },
);

test("whatever the table does not list changes nothing and asks for nothing", () => {
  const listed = new Set(rows(TABLE).map(({ from, report, when }) => `${from} ${report} ${when}`));
  const moves: string[] = [];
  for (const from of Object.keys(situations))
    for (const report of Object.keys(reports(pending()))) {
      const order = situationOf(from);
      // The same news later is the same news, unless the clock itself is in the rule.
      if ([...listed].some((row) => row.startsWith(`${from} ${report} `))) continue;
      const { order: after, effects } = decide(order, reportOf(order, report), PLACED_AT + 1_000);
      if (after.state !== order.state || after.version !== order.version || effects.length > 0)
        moves.push(`${from} + ${report}`);
    }
  // Payments that nobody has heard of, asked for by an order that has none, are cases.
  const unknown = moves.filter((move) => move.startsWith("pending + "));
  expect(moves.filter((move) => !unknown.includes(move))).toEqual([]);
  expect(unknown.map((move) => move.slice("pending + ".length)).toSorted()).toEqual(
    [
      "action",
      "authorized",
      "closed",
      "failed",
      "notFound",
      "open",
      "succeeded",
      "unknown",
      "wrongSum",
    ].toSorted(),
  );
});

test("every state can be reached, and from every state an end can be", () => {
  const reached = new Set<string>(["pending"]);
  for (const from of ORDER_STATES) for (const to of EDGES[from]) reached.add(to);
  expect([...reached].toSorted()).toEqual([...ORDER_STATES].toSorted());
  expect(ORDER_STATES).toEqual(["pending", "paying", "paid", "expired", "refunded"]);
});

test("a change raises the version by one, and no change raises nothing", () => {
  const order = situations.paying();
  expect(decide(order, reports(order).succeeded, PLACED_AT).order.version).toBe(order.version + 1);
  expect(decide(order, reports(order).open, PLACED_AT).order).toBe(order);
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

test("callbacks repeated and in any order end in one paid order with one commit of stock", () => {
  const order = situations.creating();
  const { action, succeeded, failed, closed, open } = reports(order);
  for (const schedule of permutations([action, succeeded, failed, closed, open, succeeded])) {
    let now = order;
    const commits: string[] = [];
    for (const report of schedule) {
      const decision = decide(now, report, PLACED_AT + 1_000);
      commits.push(...decision.effects.filter(({ type }) => type === "commit_stock").map(({ type }) => type));
      now = decision.order;
    }
    expect(now).toMatchObject({ state: "paid", refunds: [], paidBy: paymentIdOf(order.order, 1) });
    expect(commits).toEqual(["commit_stock"]);
  }
});

test("a payment can be started only while there is time and nobody else is paying", () => {
  const order = pending();
  const request = startRequest(order);
  const started = start(order, request, PLACED_AT);
  expect(started).toMatchObject({
    ok: true,
    value: { order: { state: "paying", version: 2, payments: [{ state: "created" }] } },
  });
  expect(start(order, request, PAY_BY)).toMatchObject({ error: { code: "order_expired" } });
  expect(start(situations.paying(), request, PLACED_AT)).toMatchObject({
    error: { code: "payment_in_progress" },
  });
  expect(start(situations.paid(), request, PLACED_AT)).toMatchObject({
    error: { code: "order_state", state: "paid" },
  });
  expect(start(situations.expired(), request, PLACED_AT)).toMatchObject({ error: { code: "order_expired" } });
});

test("a cancelled order gives its stock back, once, and cannot be cancelled while somebody may be paying", () => {
  const cancelled = cancel(pending(), PLACED_AT);
  expect(cancelled).toMatchObject({
    ok: true,
    value: { order: { state: "expired", reason: "cancelled" }, effects: [{ type: "release_stock" }] },
  });
  if (!cancelled.ok) return;
  expect(cancel(cancelled.value.order, PLACED_AT)).toMatchObject({ ok: true, value: { effects: [] } });
  expect(cancel(situations.paying(), PLACED_AT)).toMatchObject({ ok: false, error: { state: "paying" } });
  expect(cancel(pending(), PAY_BY)).toMatchObject({ ok: false, error: { state: "expired" } });
});

test("a second success is refunded in full and leaves the order paid", () => {
  const first = situations.paid();
  const second = {
    ...(first.payments[0] as Order["payments"][number]),
    id: paymentIdOf(first.order, 2),
    state: "cancelled" as const,
  };
  const order = { ...first, payments: [...first.payments, second] };
  const report: Report = {
    type: "payment_succeeded",
    payment: second.id,
    providerRef: "bnk_2",
    amount: cny(100),
    source: { via: "query" },
  };
  const { order: after, effects } = decide(order, report, PLACED_AT);
  expect(after).toMatchObject({
    state: "paid",
    refunds: [{ payment: second.id, amount: cny(100), reason: "duplicate_payment" }],
  });
  expect(effects).toEqual([{ type: "refund_payment", refund: after.refunds[0]?.id }]);
  expect(decide(after, report, PLACED_AT).effects).toEqual([]);
});

test("late money withdraws the release it overtakes, and asks under a new take", () => {
  const order = situations.expired();
  const { order: after, withdrawn } = decide(order, reports(order).succeeded, PAY_BY + 1);
  expect(after.take).toBe(2);
  expect(withdrawn).toEqual(["release_stock:1"]);
  const gone = decide(after, { type: "stock_gone", take: 2 }, PAY_BY + 2).order;
  expect(gone).toMatchObject({ state: "expired", refunds: [{ reason: "late_payment" }] });
  const refunded = decide(gone, { ...reports(gone).refundSucceeded }, PAY_BY + 3).order;
  expect(refunded).toMatchObject({ state: "refunded", reason: "late_payment" });
});

test("refunds never add up to more than was captured, whatever is still on its way", () => {
  const order = situations.paid();
  const first = requestRefund(order, { amount: cny(60), reason: "scratched" }, PLACED_AT);
  expect(first.ok).toBe(true);
  if (!first.ok) return;
  const after = finish(order, first.value, PLACED_AT).order;
  expect(requestRefund(after, { amount: cny(60), reason: "scratched" }, PLACED_AT)).toMatchObject({
    error: { code: "refund_exceeds_captured", refundable: cny(40) },
  });
  const failed = decide(after, reports(after).refundFailed, PLACED_AT).order;
  expect(requestRefund(failed, { amount: cny(100), reason: "all" }, PLACED_AT).ok).toBe(true);
  expect(requestRefund(situations.paying(), { amount: null, reason: "x" }, PLACED_AT)).toMatchObject({
    error: { code: "order_state" },
  });
});

test("a decision that breaks a rule is refused before it is stored", () => {
  const order = situations.refunded();
  expect(() =>
    finish(order, { order: { ...order, state: "paid", reason: null }, effects: [] }, PLACED_AT),
  ).toThrow(/no way/);
  const paid = situations.paid();
  const over = {
    ...paid,
    refunds: [
      {
        ...(situations.refunding().refunds[0] as Order["refunds"][number]),
        payment: paid.payments[0]?.id ?? "pay_",
        amount: cny(101),
      },
    ],
  };
  expect(() => finish(paid, { order: over, effects: [] }, PLACED_AT)).toThrow(/refunds never exceed/);
});
