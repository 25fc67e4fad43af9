import type { Effect, Order, Payment } from "../../schema/order.ts";
import { expire, ignore, isLive, openCase, type Decision } from "./decision.ts";

/** After a payment was started its provider is asked at these ages, then at the last interval until the time to pay ends. */
const ASK_AGES_MS = [10_000, 20_000, 30_000];
const ASK_EVERY_MS = 30_000;
/** Once the time to pay has ended the provider is told to close, again and again, ever more slowly. */
const CLOSE_EVERY_MS_MIN = 5_000;
const CLOSE_EVERY_MS_MAX = 300_000;
/** A payment whose fate is open for this long after the time to pay is a case for people. It is still asked about. */
const FATE_OPEN_MS = 3_600_000;

/** The first question, but never after the end of the time to pay: that is when it is closed. */
export const firstAskAt = (createdAt: number, payBy: number): number =>
  Math.min(createdAt + (ASK_AGES_MS[0] ?? ASK_EVERY_MS), payBy);

function nextAskAt(payment: Payment, { payBy }: Order, now: number): number {
  // Twice as late is asked half as often.
  if (now >= payBy) return now + Math.min(Math.max(now - payBy, CLOSE_EVERY_MS_MIN), CLOSE_EVERY_MS_MAX);
  const age = ASK_AGES_MS.find((ms) => payment.createdAt + ms > now);
  return Math.min(age === undefined ? now + ASK_EVERY_MS : payment.createdAt + age, payBy);
}

/** A promised payment is taken or voided by the machine; any other is closed once the order waits for it no more. */
function questionFor(order: Order, { id, state, inLine, asks }: Payment, now: number): Effect {
  // Its buyer's turn has come: the page they look at shows where to pay as soon as the provider has said so.
  if (inLine && state === "created" && asks === 0 && order.state === "paying")
    return { type: "create_payment", payment: id };
  const waiting = order.state === "paying" && (now < order.payBy || state === "authorized");
  return { type: waiting ? "query_payment" : "close_payment", payment: id };
}

/** Everything the clock alone brings about. */
export function passTime(order: Order, now: number): Decision {
  const effects: Effect[] = [];
  const payments = order.payments.map((payment) => {
    if (!isLive(payment) || payment.askAt === null || payment.askAt > now) return payment;
    effects.push(questionFor(order, payment, now));
    if (payment.state === "authorized" && order.state === "paying" && order.stock === "held")
      effects.push({ type: "commit_stock", take: order.take });
    if (isOpenTooLong(order, payment.askAt, now)) effects.push(fateOpen(order, payment, now));
    return { ...payment, asks: payment.asks + 1, askAt: nextAskAt(payment, order, now) };
  });
  const asked = effects.length > 0 ? { ...order, payments } : order;
  if (order.state !== "pending" || now < order.payBy) return { order: asked, effects };
  const expired = expire(asked, "pay_by_passed", now);
  return { ...expired, effects: [...effects, ...expired.effects] };
}

/** Once: not when the question before this one, which was at most the longest interval ago, came so late already. */
const isOpenTooLong = ({ payBy }: Order, askAt: number, now: number): boolean =>
  now >= payBy + FATE_OPEN_MS && askAt - CLOSE_EVERY_MS_MAX < payBy + FATE_OPEN_MS;

function fateOpen(order: Order, { id }: Payment, now: number): Effect {
  const detail = "the provider has given no final answer for an hour after the time to pay";
  return openCase(order, { id: `fate_open:${id}`, kind: "fate_open", payment: id, detail, openedAt: now });
}

/** Somebody wants to know now. */
export function queryNow(order: Order, now: number): Decision {
  const live = order.payments.filter((payment) => isLive(payment) && payment.createdAt <= now);
  return live.length === 0
    ? ignore(order)
    : { order, effects: live.map((payment) => questionFor(order, payment, now)) };
}

/** The earliest thing an order still waits for; null when the clock can do nothing to it any more. */
export function dueAt(order: Order): number | null {
  let due: number | null = order.state === "pending" ? order.payBy : null;
  for (const payment of order.payments)
    if (isLive(payment) && payment.askAt !== null) due = Math.min(due ?? payment.askAt, payment.askAt);
  return due;
}
