import {
  orderOf,
  skuNumberOf,
  type OrderId,
  type PaymentId,
  type RefundId,
  type SkuNumber,
} from "../../schema/ids.ts";
import type { EffectMessage } from "../../schema/messages.ts";
import type { CaseKind, Effect, Order, Payment, Report } from "../../schema/order.ts";
import { unreachable } from "../../schema/result.ts";
import type { MoveAnswer, ReleaseReason, StockMove } from "../../schema/sku.ts";
import { orderActor } from "../actors.ts";
import { providerOf } from "../providers/registry.ts";
import { paymentReport, purchaseOf, refundReport } from "../providers/reports.ts";
import { openCase } from "../read-models/cases.ts";
import { deliver, eachOf, groupsOf, understood } from "./delivery.ts";
import { EffectShape } from "./shapes.ts";
import { StockMoves } from "./stock-moves.ts";

/** Late money keeps its units for this long while it is being written down. */
const RETAKE_MS = 10 * 60_000;

type OrderEffect = Extract<EffectMessage, { type: "order_effect" }>;
type ClaimOverdue = Extract<EffectMessage, { type: "claim_overdue" }>;

/** Does the work that actors ask for, and reports what came of it. Every piece is safe to repeat. */
export async function consumeEffects(batch: MessageBatch<EffectMessage>, env: Env): Promise<void> {
  const messages = await understood(batch.messages, EffectShape);
  const moves = new StockMoves(env);
  const groups = groupsOf(messages, ({ body }) => subjectOf(body));
  const begun = beginMoves(env, moves, groups);
  // One order's work is done one piece after the other, so that a repeated message never runs beside the first.
  await eachOf(groups, async (group) => {
    for (const message of group)
      await deliver([message], async () => {
        const { body } = message;
        if (body.type === "claim_overdue") return settleClaim(env, moves, body);
        if (body.type === "case_raised") return openCase(env.DB, body.case);
        const reports = await (begun.get(message) ?? perform(env, moves, body));
        if (reports) await orderActor(env, body.order).report(reports, body.key);
      });
  });
}

/** What a message is about: an order, or a case that no order could raise by itself. */
function subjectOf(message: EffectMessage): string {
  if (message.type === "case_raised") return message.case.id;
  return message.type === "claim_overdue" ? message.move.order : message.order;
}

type Performed = Promise<Report[] | null>;

/** The moves that orders' work begins with are made all at once, so that each SKU is asked once for the batch. */
function beginMoves(
  env: Env,
  moves: StockMoves,
  groups: readonly (readonly Message<EffectMessage>[])[],
): Map<Message<EffectMessage>, Performed> {
  const begun = new Map<Message<EffectMessage>, Performed>();
  for (const [first] of groups) {
    if (first?.body.type !== "order_effect") continue;
    const { type } = first.body.effect;
    if (type !== "commit_stock" && type !== "release_stock") continue;
    const performed = perform(env, moves, first.body);
    begun.set(first, performed);
    // Whoever delivers the message hears of it, perhaps after others have had their turn.
    performed.catch(() => {});
  }
  return begun;
}

/** What the work ended in; null when that is not known yet and the order will ask again. */
async function perform(env: Env, moves: StockMoves, { order, effect, snapshot }: OrderEffect): Performed {
  switch (effect.type) {
    case "commit_stock":
      return [await commit(moves, snapshot, effect.take)];
    case "release_stock":
      return [await release(moves, snapshot, effect.take, effect.reason)];
    case "retake_stock":
      return retake(moves, snapshot, effect.take);
    case "create_payment":
    case "query_payment":
    case "close_payment":
    case "capture_payment":
      return ask(env, snapshot, effect);
    case "refund_payment":
      return refund(env, order, effect.refund);
    case "open_case":
      await openCase(env.DB, effect.case);
      return [{ type: "case_opened", case: effect.case.id }];
    default:
      return unreachable(effect);
  }
}

/** One move at every SKU of the order, in SKU order. */
async function onEachLine(
  { order, buyer, lines }: Order,
  take: number,
  make: (sku: SkuNumber, move: StockMove) => Promise<MoveAnswer>,
): Promise<"done" | "gone"> {
  const inOrder = lines
    .map(({ sku, quantity }) => ({ number: skuNumberOf(sku), quantity }))
    .toSorted((a, b) => (a.number < b.number ? -1 : 1));
  for (const { number, quantity } of inOrder) {
    const answer = await make(number, { order, take, buyer, quantity });
    if (answer.ok) continue;
    if (answer.error.code !== "gone") throw new Error(`the SKU ${number} answers ${answer.error.code}`);
    return "gone";
  }
  return "done";
}

async function commit(moves: StockMoves, order: Order, take: number): Promise<Report> {
  const end = await onEachLine(order, take, (sku, move) => moves.commit(sku, move));
  return end === "done" ? { type: "stock_committed" } : { type: "stock_gone", take };
}

/** What was sold is never given back: the order must know of it, since a sale of all its lines may have met the release half-way. */
async function release(
  moves: StockMoves,
  order: Order,
  take: number,
  reason: ReleaseReason,
): Promise<Report> {
  let sold = false;
  await onEachLine(order, take, async (sku, move) => {
    const answer = await moves.release(sku, move, reason);
    sold ||= answer.ok && answer.value === "sold";
    return answer;
  });
  return { type: "stock_released", take, sold };
}

/** All lines or none: what was taken for an order that cannot be whole goes back under the same take. */
async function retake(moves: StockMoves, order: Order, take: number): Promise<Report[]> {
  const until = Date.now() + RETAKE_MS;
  const end = await onEachLine(order, take, (sku, move) => moves.retake(sku, move, until));
  if (end === "done") return [{ type: "stock_retaken", take }];
  const released = await release(moves, order, take, "refused");
  return [{ type: "stock_gone", take }, released];
}

function paymentOf(order: Order, id: PaymentId): Payment {
  const payment = order.payments.find((candidate) => candidate.id === id);
  if (!payment) throw new Error(`the order ${order.order} has no payment ${id}`);
  return payment;
}

type Question = Extract<
  Effect,
  { type: "create_payment" | "query_payment" | "close_payment" | "capture_payment" }
>;

async function ask(env: Env, order: Order, { type, payment: id }: Question): Promise<Report[] | null> {
  const payment = paymentOf(order, id);
  const provider = providerOf(env, payment);
  if (!provider)
    return nobodyToAsk(env, payment, type === "capture_payment" ? "capture_failed" : "fate_open", id);
  switch (type) {
    case "create_payment":
      return [paymentReport(id, await provider.create(payment, purchaseOf(order)), { via: "answer" })];
    case "query_payment":
      return [paymentReport(id, await provider.query(payment, purchaseOf(order)), { via: "query" })];
    case "close_payment":
      return [paymentReport(id, await provider.close(payment, purchaseOf(order)), { via: "answer" })];
    case "capture_payment":
      return [paymentReport(id, await provider.capture(payment), { via: "answer" })];
    default:
      return unreachable(type);
  }
}

/** Asked of the order as it is now: a refund that has ended is never sent to the bank again by a message that is late. */
async function refund(env: Env, id: OrderId, wantedId: RefundId): Promise<Report[] | null> {
  const order = await orderActor(env, id).view();
  const wanted = order?.refunds.find((candidate) => candidate.id === wantedId);
  if (!order || !wanted) throw new Error(`the order ${id} has no refund ${wantedId}`);
  if (wanted.state !== "pending") return [];

  const payment = paymentOf(order, wanted.payment);
  const provider = providerOf(env, payment);
  if (!provider) return nobodyToAsk(env, payment, "refund_failed", wantedId);
  // What became of an earlier try is asked first: a repeat is safe, but an answer is better.
  const known = await provider.queryRefund(wanted, payment);
  const settled = known.kind === "succeeded" || known.kind === "failed";
  const report = refundReport(wantedId, settled ? known : await provider.refund(wanted, payment), {
    via: "answer",
  });
  return report && [report];
}

/** A provider that was taken out of the settings while it still owed an answer. People must see it, the order asks again. */
async function nobodyToAsk(
  env: Env,
  { id, provider, account }: Payment,
  kind: CaseKind,
  about: PaymentId | RefundId,
): Promise<null> {
  const detail = `${provider}/${account} is not offered here, so nobody answers for ${about}`;
  const open = {
    id: `provider_not_offered:${kind}:${about}`,
    kind,
    order: orderOf(about),
    payment: id,
    detail,
  };
  await openCase(env.DB, { ...open, openedAt: Date.now() });
  return null;
}

/** A claim outlived its deadline: the order knows whether its units are sold, still being paid for, or nobody's. */
async function settleClaim(env: Env, moves: StockMoves, { sku, move }: ClaimOverdue): Promise<void> {
  const order = await orderActor(env, move.order).view();
  if (!order) await moves.release(sku, move, "payment_lost");
  else if (order.stock === "released")
    await moves.release(sku, { ...move, take: order.take }, "pay_by_passed");
  else if (order.state === "paid" || order.stock === "committed")
    await moves.commit(sku, { ...move, take: order.take });
}
