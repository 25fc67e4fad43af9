import { skuNumberOf } from "../../../schema/ids.ts";
import type { EffectMessage, OrderEventMessage, ProviderEventMessage } from "../../../schema/messages.ts";
import type { Effect, Order, Report } from "../../../schema/order.ts";
import { unreachable } from "../../../schema/result.ts";
import type { MoveAnswer, ReleaseReason, StockMove } from "../../../schema/sku.ts";
import { changesOf } from "../../../worker/consumers/order-events.ts";
import type { AskedSku } from "../asked.ts";
import { everyOne, type Flow } from "../flow.ts";
import type { Letter } from "../queues.ts";
import type { World } from "../world.ts";
import type { LightBooks } from "./books.ts";
import { asked, created, refunded } from "./provider.ts";

/** As the Worker's consumers have them. */
const RETRY_S = 2;
const RETRY_S_MAX = 300;
const RETAKE_MS = 10 * 60_000;

/** Whom a consumer tells. */
interface Shop {
  readonly world: World;
  readonly books: LightBooks;
}

/** One consumer for each queue, and for what it could not digest. */
export function consume(shop: Shop, queue: string, letters: Letter[]): Flow<unknown> {
  switch (queue) {
    case "provider-events":
      return hearProviders(shop, letters as Letter<ProviderEventMessage>[]);
    case "effects":
      return work(shop, letters as Letter<EffectMessage>[]);
    case "order-events":
      return project(shop, letters as Letter<OrderEventMessage>[]);
    default:
      return deliver(letters, () => bury(shop, queue, letters));
  }
}

/** What belongs together; most messages come alone. */
const groupsOf = <T>(letters: readonly T[], keyOf: (letter: T) => string): (readonly T[])[] =>
  letters.length === 1 ? [letters] : [...Map.groupBy(letters, keyOf).values()];

/** Acknowledges messages once their work is done, and sends them back when it was not. */
function* deliver(letters: readonly Letter[], digest: () => Flow<unknown> | null): Flow<void> {
  try {
    const digesting = digest();
    if (digesting) yield* digesting;
    for (const letter of letters) letter.ack();
  } catch {
    for (const letter of letters) {
      const delay = Math.min(RETRY_S * 2 ** (letter.attempts - 1), RETRY_S_MAX);
      letter.retry({ delaySeconds: Math.ceil((delay * (1 + Math.random())) / 2) });
    }
  }
}

function bury({ books }: Shop, queue: string, letters: readonly Letter[]): null {
  for (const { id, body, timestamp } of letters) {
    books.keep(id, { queue: queue.slice(0, -"-dead".length), body });
    const detail = "nobody could digest it";
    const openedAt = timestamp.getTime();
    books.open({
      id: `dead_letter:${id}`,
      kind: "dead_letter",
      order: null,
      payment: null,
      detail,
      openedAt,
    });
  }
  return null;
}

function hearProviders(shop: Shop, letters: readonly Letter<ProviderEventMessage>[]): Flow<unknown> {
  const groups = groupsOf(letters, ({ id, attempts, body }) => (attempts > 1 ? id : body.order));
  return everyOne(groups.map((group) => deliver(group, () => tell(shop, group))));
}

function* tell({ world, books }: Shop, letters: readonly Letter<ProviderEventMessage>[]): Flow<void> {
  const [first] = letters as [Letter<ProviderEventMessage>];
  const { order } = first.body;
  const heard = yield* world.order(order).report(letters.map(({ body }) => body.report));
  if (heard) return;
  for (const { body } of letters) {
    const id = `unknown_order:${body.event}`;
    const detail = body.report.type;
    books.open({ id, kind: "unknown_order", order, payment: null, detail, openedAt: body.receivedAt });
  }
}

/** One order's work is done one piece after the other. */
function work(shop: Shop, letters: readonly Letter<EffectMessage>[]): Flow<unknown> {
  const groups = groupsOf(letters, ({ body }) => subjectOf(body));
  return everyOne(
    groups.map(function* (group): Flow<void> {
      for (const letter of group) yield* deliver([letter], () => workOn(shop, letter.body));
    }),
  );
}

function subjectOf(message: EffectMessage): string {
  if (message.type === "case_raised") return message.case.id;
  return message.type === "claim_overdue" ? message.move.order : message.order;
}

function* workOn(shop: Shop, message: EffectMessage): Flow<void> {
  if (message.type === "claim_overdue") return yield* settleClaim(shop, message);
  if (message.type === "case_raised") return shop.books.open(message.case);
  const { order, key, effect, snapshot } = message;
  const reports = yield* perform(shop, effect, snapshot);
  if (reports) yield* shop.world.order(order).report(reports, key);
}

/** What the work ended in; null when that is not known yet and the order will ask again. */
function* perform({ world, books }: Shop, effect: Effect, order: Order): Flow<Report[] | null> {
  switch (effect.type) {
    case "commit_stock": {
      const isDone = yield* onEachLine(world, order, effect.take, (sku, move) => sku.commit(move));
      return [isDone ? { type: "stock_committed" } : { type: "stock_gone", take: effect.take }];
    }
    case "release_stock":
      return [yield* release(world, order, effect.take, effect.reason)];
    case "retake_stock":
      return yield* retake(world, order, effect.take);
    case "create_payment":
      return [yield* created(world, order, paymentOf(order, effect.payment))];
    case "query_payment":
      return [asked(world, "query", paymentOf(order, effect.payment))];
    case "close_payment":
      return [asked(world, "close", paymentOf(order, effect.payment))];
    case "capture_payment":
      return [asked(world, "capture", paymentOf(order, effect.payment))];
    case "refund_payment": {
      const now = yield* world.order(order.order).view();
      const wanted = now?.refunds.find(({ id }) => id === effect.refund);
      if (!wanted) throw new Error(`the order ${order.order} has no refund ${effect.refund}`);
      const report = wanted.state === "pending" ? refunded(world, wanted) : null;
      return report || wanted.state !== "pending" ? [report].filter((said) => said !== null) : null;
    }
    case "open_case":
      books.open(effect.case);
      return [{ type: "case_opened", case: effect.case.id }];
    default:
      return unreachable(effect);
  }
}

function paymentOf(order: Order, id: string): Order["payments"][number] {
  const payment = order.payments.find((candidate) => candidate.id === id);
  if (!payment) throw new Error(`the order ${order.order} has no payment ${id}`);
  return payment;
}

/** One move at every SKU of the order, in SKU order; false where there is nothing to move any more. */
function* onEachLine(
  world: World,
  { order, buyer, lines }: Order,
  take: number,
  make: (sku: AskedSku, move: StockMove) => Flow<MoveAnswer>,
): Flow<boolean> {
  const inOrder = lines
    .map(({ sku, quantity }) => ({ number: skuNumberOf(sku), quantity }))
    .toSorted((a, b) => (a.number < b.number ? -1 : 1));
  for (const { number, quantity } of inOrder) {
    const answer = yield* make(world.sku(number), { order, take, buyer, quantity });
    if (!answer.ok) return false;
  }
  return true;
}

/** Tells whether a line was sold by then. */
function* release(world: World, order: Order, take: number, reason: ReleaseReason): Flow<Report> {
  let sold = false;
  yield* onEachLine(world, order, take, function* (sku, move) {
    const answer = yield* sku.release(move, reason);
    sold ||= answer.ok && answer.value === "sold";
    return answer;
  });
  return { type: "stock_released", take, sold };
}

/** All lines or none. */
function* retake(world: World, order: Order, take: number): Flow<Report[]> {
  const until = world.loop.now + RETAKE_MS;
  const isDone = yield* onEachLine(world, order, take, (sku, move) => sku.retake(move, until));
  if (isDone) return [{ type: "stock_retaken", take }];
  const released = yield* release(world, order, take, "refused");
  return [{ type: "stock_gone", take }, released];
}

/** A claim outlived its deadline: the order knows whether its units are sold, still being paid for, or nobody's. */
function* settleClaim(
  { world }: Shop,
  { sku: number, move }: Extract<EffectMessage, { type: "claim_overdue" }>,
) {
  const order = yield* world.order(move.order).view();
  const sku = world.sku(number);
  if (!order) yield* sku.release(move, "payment_lost");
  else if (order.stock === "released") yield* sku.release({ ...move, take: order.take }, "pay_by_passed");
  else if (order.state === "paid" || order.stock === "committed")
    yield* sku.commit({ ...move, take: order.take });
}

/** D1 has all of a batch or none, and only then its objects hear of it. */
function* project(shop: Shop, letters: readonly Letter<OrderEventMessage>[]): Flow<void> {
  try {
    shop.books.project(letters.flatMap(({ body }) => changesOf(body)));
  } catch (cause) {
    return yield* deliver(letters, () => {
      throw cause;
    });
  }
  const groups = groupsOf(letters, ({ body }) =>
    body.type === "order_changed" ? body.order.order : body.sku,
  );
  yield* everyOne(groups.map((group) => deliver(group, () => acknowledge(shop, group))));
}

/** Tells an object what D1 has of it: a SKU each of its messages, an order its newest version. */
function* acknowledge({ world }: Shop, letters: readonly Letter<OrderEventMessage>[]): Flow<void> {
  let newest: Order | null = null;
  for (const { body } of letters) {
    if (body.type === "sku_rows") yield* world.sku(body.sku).published(body.after, body.through);
    else if (body.type === "order_changed" && body.order.version > (newest?.version ?? 0))
      newest = body.order;
  }
  if (newest) yield* world.order(newest.order).report([{ type: "projected", version: newest.version }]);
}
