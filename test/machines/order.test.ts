import { expect, test } from "vitest";
import { EDGES } from "../../durable-objects/order/legality.ts";
import { cancel, decide, finish, start } from "../../durable-objects/order/machine.ts";
import { CREATE_GRACE_MS } from "../../durable-objects/order/hear-payment.ts";
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
  paying       action           soon   paying    requires_action  held       -
  paying       authorized       soon   paying    authorized       held       commit_stock
  paying       succeeded        soon   paid      succeeded        held       commit_stock
  paying       succeeded        late   paid      succeeded        held       commit_stock
  paying       wrongSum         soon   paying    requires_action  held       open_case
  paying       failed           soon   pending   failed           held       -
  paying       failed           late   expired   failed           released   release_stock
  paying       closed           soon   pending   cancelled        held       -
  paying       closed           late   expired   cancelled        released   release_stock
  paying       notFound         soon   paying    unknown          held       -
  paying       notFound         late   paying    unknown          held       -
  paying       query            soon   paying    requires_action  held       query_payment
  paying       query            late   paying    requires_action  held       close_payment
  paying       tick             asked  paying    requires_action  held       query_payment
  paying       tick             late   paying    requires_action  held       close_payment
  paying       tick             hours  paying    requires_action  held       close_payment,open_case
  doubted      action           soon   paying    requires_action  held       -
  doubted      open             soon   paying    requires_action  held       -
  doubted      authorized       soon   paying    authorized       held       commit_stock
  doubted      succeeded        soon   paid      succeeded        held       commit_stock
  doubted      wrongSum         soon   paying    unknown          held       open_case
  doubted      failed           soon   pending   failed           held       -
  doubted      closed           soon   pending   cancelled        held       -
  doubted      notFound         soon   pending   failed           held       -
  doubted      notFound         late   expired   failed           released   release_stock
  doubted      committed        soon   paying    unknown          committed  -
  doubted      query            soon   paying    unknown          held       query_payment
  doubted      tick             asked  paying    unknown          held       query_payment
  doubted      tick             late   paying    unknown          held       close_payment
  authorized   succeeded        soon   paid      succeeded        held       commit_stock
  authorized   wrongSum         soon   paying    authorized       held       open_case
  authorized   failed           soon   pending   failed           held       -
  authorized   closed           late   expired   cancelled        released   release_stock
  authorized   committed        soon   paying    authorized       committed  capture_payment
  authorized   gone             soon   expired   authorized       released   release_stock,close_payment,open_case
  authorized   query            late   paying    authorized       held       query_payment
  authorized   tick             late   paying    authorized       held       query_payment,commit_stock
  committed    authorized       soon   paying    authorized       committed  capture_payment
  committed    succeeded        soon   paid      succeeded        committed  -
  committed    wrongSum         soon   paying    authorized       committed  open_case
  committed    failed           soon   pending   failed           committed  -
  committed    failed           late   expired   failed           committed  open_case
  committed    closed           soon   pending   cancelled        committed  -
  committed    closed           late   expired   cancelled        committed  open_case
  committed    query            soon   paying    authorized       committed  query_payment
  committed    tick             late   paying    authorized       committed  query_payment
  forgotten    action           soon   pending   failed           held       close_payment
  forgotten    authorized       soon   pending   failed           held       close_payment
  forgotten    succeeded        soon   paid      succeeded        held       commit_stock
  forgotten    wrongSum         soon   pending   failed           held       open_case
  forgotten    committed        soon   pending   failed           committed  -
  forgotten    tick             late   expired   failed           released   release_stock
  broken       authorized       soon   pending   failed           committed  close_payment
  broken       succeeded        soon   paid      succeeded        committed  -
  broken       wrongSum         soon   pending   failed           committed  open_case
  broken       tick             late   expired   failed           committed  open_case
  stranded     authorized       late   expired   failed           committed  close_payment
  stranded     succeeded        late   expired   succeeded        committed  refund_payment
  stranded     wrongSum         late   expired   failed           committed  open_case
  declined     authorized       soon   pending   failed           held       close_payment
  declined     succeeded        soon   paid      succeeded        held       commit_stock
  declined     wrongSum         soon   pending   failed           held       open_case
  declined     committed        soon   pending   failed           committed  -
  declined     tick             late   expired   failed           released   release_stock
  pending      committed        soon   pending   -                committed  -
  paying       committed        soon   paying    requires_action  committed  -
  creating     committed        soon   paying    created          committed  -
  pending      tick             late   expired   -                released   release_stock
  uncommitted  committed        soon   paid      succeeded        committed  -
  uncommitted  gone             soon   paid      succeeded        released   refund_payment,open_case
  expired      authorized       soon   expired   cancelled        released   close_payment
  expired      succeeded        late   expired   succeeded        retaking   retake_stock
  expired      wrongSum         late   expired   cancelled        released   open_case
  expired      committed        late   expired   cancelled        committed  open_case
  expired      releasedButSold  late   expired   cancelled        committed  open_case
  retaking     retaken          late   paid      succeeded        held       commit_stock
  retaking     gone             late   expired   succeeded        released   refund_payment
  refunding    refundSucceeded  soon   refunded  succeeded        committed  -
  refunding    refundFailed     soon   paid      succeeded        committed  open_case
  unrefunded   refundSucceeded  soon   refunded  succeeded        committed  -
  refunded     refundFailed     soon   refunded  succeeded        committed  open_case
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

test("whatever the table does not list changes nothing and asks for nothing, at any time", () => {
  const listed = new Set(rows(TABLE).map(({ from, report }) => `${from} ${report}`));
  const moves = new Set<string>();
  for (const from of Object.keys(situations))
    for (const report of Object.keys(reports(pending())))
      for (const after of Object.values(AT)) {
        if (listed.has(`${from} ${report}`)) continue;
        const order = situationOf(from);
        const decision = decide(order, reportOf(order, report), PLACED_AT + after);
        if (decision.order !== order || decision.effects.length > 0) moves.add(`${from} ${report}`);
      }
  // A payment that an order never started is somebody's money without a home.
  const strangers = Object.keys(reports(pending())).filter((name) => "payment" in reportOf(pending(), name));
  expect([...moves].toSorted()).toEqual(strangers.map((name) => `pending ${name}`).toSorted());
});

test("the clock does nothing before its time, and a word about another take is not heard", () => {
  for (const from of Object.keys(situations)) {
    const order = situationOf(from);
    expect(decide(order, { type: "clock_ticked" }, PLACED_AT + 9_999), from).toMatchObject({
      order,
      effects: [],
    });
    for (const type of ["stock_retaken", "stock_gone"] as const)
      expect(decide(order, { type, take: order.take - 1 }, PAY_BY + 1).order, from).toBe(order);
  }
  expect(decide(pending(), { type: "clock_ticked" }, PAY_BY - 1).order.state).toBe("pending");
});

test("a provider that has not heard of a payment yet is not believed while its creation may be under way", () => {
  const order = situations.creating();
  const { notFound } = reports(order);
  expect(decide(order, notFound, PLACED_AT + CREATE_GRACE_MS - 1).order).toBe(order);
  expect(decide(order, notFound, PLACED_AT + CREATE_GRACE_MS).order.state).toBe("pending");
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
