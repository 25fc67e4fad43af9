import { isEnded, keyOf, type Decision } from "../../durable-objects/order/decision.ts";
import { cancel, decide, finish, start } from "../../durable-objects/order/machine.ts";
import { requestRefund } from "../../durable-objects/order/refunds.ts";
import { dueAt } from "../../durable-objects/order/time.ts";
import { placementOf, unborn, type Effect, type Order, type Report } from "../../schema/order.ts";
import type { ClaimAnswer, HoldAnswer, MoveAnswer } from "../../schema/sku.ts";
import { PAY_BY, startRequest } from "../fixtures/orders.ts";
import { perform } from "./consumer.ts";
import { account, ask, clockOf, holdOfOrder, rivalHold, rivalMove, spend, type World } from "./world.ts";

/** As the Worker does. */
const CLAIM_GRACE_MS = 5_000;

/** Something that may happen next, and the world it leads to. */
export type Move = readonly [what: string, world: World];

/** The order as its reader sees it: before its actor has stored anything, what its hold says. */
export const viewOf = ({ born, order, now }: World): Order =>
  born ? order : unborn(placementOf(order), now);

/** Everything that may happen next, good or bad. */
export function* movesFrom(world: World): Generator<Move> {
  yield* movesNow(world);
  yield* rivalMoves(world);
  const next = nextInstant(world);
  if (next !== null) yield ["time passes", { ...world, now: next }];
}

/** All of it that concerns the order and takes no time. */
export function* movesNow(world: World): Generator<Move> {
  yield* buyerMoves(world);
  yield* providerMoves(world);
  yield* workMoves(world);
  yield* clockMoves(world);
}

/** When something is due next that is not yet; null when nothing is, or the clock has to wait. */
export function nextInstant(world: World): number | null {
  // A call either reaches its provider before anybody believes that it never will, or it never does.
  if (world.accounts.some(({ fate }) => fate === "asked")) return null;
  const { now, born, order } = world;
  const due = born ? dueAt(order) : null;
  const ahead = [now < PAY_BY ? PAY_BY : null, due, claimedUntil(world)].filter(
    (at) => at !== null && at > now,
  );
  return ahead.length > 0 ? Math.min(...(ahead as number[])) : null;
}

function claimedUntil(world: World): number | null {
  const hold = holdOfOrder(world);
  return hold.state === "claimed" ? hold.until : null;
}

function commit(world: World, { order, effects, withdrawn = [] }: Decision): World {
  const outbox = new Map(world.outbox.filter(([key]) => !withdrawn.includes(key)));
  for (const effect of effects) outbox.set(keyOf(effect), effect);
  return { ...world, born: true, order, outbox: [...outbox] };
}

/** What the actor does with reports; `settles` is the work they answer. */
function hear(world: World, reports: readonly Report[], settles: string | null): World {
  if (!world.born) return world;
  let after = world;
  for (const report of reports) after = commit(after, decide(after.order, report, after.now));
  if (settles === null || !isEnded(after.order, settles, reports)) return after;
  return { ...after, outbox: after.outbox.filter(([key]) => key !== settles) };
}

function* buyerMoves(world: World): Generator<Move> {
  const view = viewOf(world);
  if (world.left.payments > 0) yield* pay(spend(world, "payments"), view);
  if (world.left.cancels > 0) {
    const cancelled = cancel(view, world.now);
    if (cancelled.ok) yield ["the buyer cancels", commit(spend(world, "cancels"), cancelled.value)];
  }
  if (world.left.refunds > 0 && world.born) {
    const asked = requestRefund(view, { amount: null, reason: "staff" }, world.now);
    if (asked.ok)
      yield ["staff refund", commit(spend(world, "refunds"), finish(view, asked.value, world.now))];
  }
}

/** Claim, write down, call: the Worker may die between any two of them. */
function* pay(world: World, view: Order): Generator<Move> {
  let claimed = world;
  if (view.state === "pending" && view.stock !== "committed") {
    const request = { order: view.order, until: PAY_BY + CLAIM_GRACE_MS };
    const { sku, answer } = ask<ClaimAnswer>(world.sku, { type: "claim", request }, clockOf(world.now));
    claimed = { ...world, sku };
    if (!answer.ok) return yield ["the buyer is too late to pay", claimed];
    if (claimed.left.losses > 0) yield ["a payment dies after its claim", spend(claimed, "losses")];
  }
  const started = start(view, startRequest(view, { key: `k${world.left.payments}` }), world.now);
  if (!started.ok) return;
  const born = commit(claimed, started.value);
  const payment = born.order.payments.at(-1);
  if (payment) yield ["the buyer starts a payment", account(born, payment.id, { fate: "asked" })];
}

function* providerMoves(world: World): Generator<Move> {
  for (const { payment, fate } of world.accounts) {
    const as = (what: string, next: typeof fate): Move => [
      `the buyer ${what} ${payment}`,
      account(world, payment, { fate: next }),
    ];
    if (fate === "asked") yield* createMoves(world, payment);
    if (fate !== "open") continue;
    yield callingBack(as("pays", "captured"));
    yield callingBack(as("promises to pay", "authorized"));
    yield callingBack(as("declines", "failed"));
  }
  for (const [index, report] of world.callbacks.entries()) {
    const rest = { ...world, callbacks: world.callbacks.filter((_, other) => other !== index) };
    yield [`a callback comes: ${report.type}`, hear(rest, [report], null)];
    if (world.left.repeats > 0)
      yield [
        `a callback comes, and will again: ${report.type}`,
        hear(spend(world, "repeats"), [report], null),
      ];
    if (world.left.losses > 0) yield [`a callback is lost: ${report.type}`, spend(rest, "losses")];
  }
}

function callingBack([what, world]: Move): Move {
  const changed = /(pay_\w+)/.exec(what)?.[1];
  const { report } = perform(
    ["query", { type: "query_payment", payment: changed as `pay_${string}` }],
    world,
  );
  return [what, { ...world, callbacks: [...world.callbacks, ...(report ? [report] : [])] }];
}

function* createMoves(world: World, payment: `pay_${string}`): Generator<Move> {
  const open = account(world, payment, { fate: "open" });
  const answer: Report = {
    type: "payment_action_required",
    payment,
    providerRef: payment,
    action: { type: "qr", content: "x" },
    source: { via: "answer" },
  };
  yield [`${payment} is created`, hear(open, [answer], null)];
  if (world.left.losses === 0) return;
  yield [`${payment} is created, and the answer is lost`, spend(open, "losses")];
  yield [`the creation of ${payment} is lost`, spend(account(world, payment, { fate: "never" }), "losses")];
}

/** The EFFECTS queue and its consumer. */
function* workMoves(world: World): Generator<Move> {
  for (const work of world.outbox) {
    yield* done(work, world);
    if (world.left.repeats > 0 && world.strays.every(([key]) => key !== work[0]))
      yield [
        `${work[0]} is also delivered later`,
        spend({ ...world, strays: [...world.strays, work] }, "repeats"),
      ];
  }
  for (const work of world.strays) {
    const rest = { ...world, strays: world.strays.filter((other) => other !== work) };
    const { world: after, report } = perform(work, rest);
    yield [`late: ${work[0]}`, hear(after, report ? [report] : [], work[0])];
  }
}

function* done(work: readonly [string, Effect], world: World): Generator<Move> {
  const [key, effect] = work;
  const { world: after, report } = perform(work, world);
  yield [key, hear(after, report ? [report] : [], key)];
  if (world.left.losses > 0) {
    yield [`${key}, and the answer is lost`, spend(after, "losses")];
    const unknown = unknownOf(effect);
    if (unknown) yield [`${key} times out`, hear(spend(world, "losses"), [unknown], key)];
  }
  const refusable = effect.type === "capture_payment" || effect.type === "refund_payment";
  if (refusable && world.left.refusals > 0) {
    const refused = perform(work, spend(world, "refusals"), true);
    yield [`${key} is refused`, hear(refused.world, refused.report ? [refused.report] : [], key)];
  }
}

/** What is reported of a question that had no answer in time. */
function unknownOf(effect: Effect): Report | null {
  const facts = { cause: "timeout", source: { via: "answer" } } as const;
  if (effect.type === "refund_payment") return { type: "refund_unknown", refund: effect.refund, ...facts };
  return "payment" in effect ? { type: "payment_unknown", payment: effect.payment, ...facts } : null;
}

function* rivalMoves(world: World): Generator<Move> {
  const clock = clockOf(world.now);
  if (world.rival === "waiting") {
    const { sku, answer } = ask<HoldAnswer>(world.sku, rivalHold, clock);
    if (answer.ok) yield ["the rival takes the unit", { ...world, sku, rival: "holding" }];
  }
  if (world.rival !== "holding") return;
  const bought = ask<MoveAnswer>(world.sku, { type: "commit", move: rivalMove }, clock);
  yield ["the rival buys", { ...world, sku: bought.sku, rival: bought.answer.ok ? "owning" : "gone" }];
  const left = ask<MoveAnswer>(world.sku, { type: "release", move: rivalMove, reason: "cancelled" }, clock);
  yield ["the rival leaves", { ...world, sku: left.sku, rival: "gone" }];
}

function* clockMoves(world: World): Generator<Move> {
  const { now, born, order } = world;
  const due = born ? dueAt(order) : null;
  if (due !== null && due <= now)
    yield ["the order's alarm rings", hear(world, [{ type: "clock_ticked" }], null)];
  const until = claimedUntil(world);
  if (until !== null && until <= clockOf(now)) yield* settleClaim(world);
}

/** A claim outlived its deadline: the SKU asks what became of the order. */
function* settleClaim(world: World): Generator<Move> {
  const { born, order, now } = world;
  const move = { order: order.order, take: order.take, buyer: order.buyer, quantity: 1 };
  const released = !born || order.stock === "released";
  const sold = born && (order.state === "paid" || order.stock === "committed");
  if (!released && !sold) return;
  const command = released
    ? ({ type: "release", move, reason: "payment_lost" } as const)
    : ({ type: "commit", move } as const);
  yield [
    "the SKU asks about its claim",
    { ...world, sku: ask<MoveAnswer>(world.sku, command, clockOf(now)).sku },
  ];
}
