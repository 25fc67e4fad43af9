import type { Effect, Order, Report } from "../../schema/order.ts";
import { unreachable } from "../../schema/result.ts";
import type { MoveAnswer } from "../../schema/sku.ts";
import { PAY_BY } from "../fixtures/orders.ts";
import { account, accountOf, ask, clockOf, type World } from "./world.ts";

/** Late money keeps its units for this long, as the consumer says. */
const RETAKE_MS = 10 * 60_000;

interface Performed {
  readonly world: World;
  /** Null when there is nothing to say any more. */
  readonly report: Report | null;
}

/** What the consumer of EFFECTS does with one piece of work, and what it reports. `refuses`: the provider, for good. */
export function perform([, effect]: readonly [string, Effect], world: World, refuses = false): Performed {
  switch (effect.type) {
    case "commit_stock":
    case "release_stock":
    case "retake_stock":
      return moveStock(effect, world);
    // Nobody waits in line here: a creation that the clock asks for is one like any other, and the moves have those.
    case "create_payment":
    case "query_payment":
      return { world, report: said(effect.payment, world) };
    case "close_payment":
      return close(effect.payment, world);
    case "capture_payment":
      return capture(effect.payment, world, refuses);
    case "refund_payment":
      return refund(effect.refund, world, refuses);
    case "open_case":
      return {
        world: { ...world, cases: [...new Set([...world.cases, effect.case.kind])].toSorted() },
        report: { type: "case_opened", case: effect.case.id },
      };
    default:
      return unreachable(effect);
  }
}

type StockWork = Extract<Effect, { take: number }>;

function moveStock(effect: StockWork, world: World): Performed {
  const { order, now } = world;
  const move = { order: order.order, take: effect.take, buyer: order.buyer, quantity: 1 };
  const clock = clockOf(now);
  if (effect.type === "release_stock") {
    const { sku, answer } = ask<MoveAnswer>(
      world.sku,
      { type: "release", move, reason: effect.reason },
      clock,
    );
    const sold = answer.ok && answer.value === "sold";
    return { world: { ...world, sku }, report: { type: "stock_released", take: effect.take, sold } };
  }
  const command =
    effect.type === "commit_stock"
      ? ({ type: "commit", move } as const)
      : ({ type: "retake", move, until: PAY_BY + RETAKE_MS } as const);
  const { sku, answer } = ask<MoveAnswer>(world.sku, command, clock);
  const { take } = effect;
  if (answer.ok)
    return {
      world: { ...world, sku },
      report: effect.type === "commit_stock" ? { type: "stock_committed" } : { type: "stock_retaken", take },
    };
  if (effect.type === "commit_stock")
    return { world: { ...world, sku }, report: { type: "stock_gone", take } };
  const back = ask<MoveAnswer>(sku, { type: "release", move, reason: "refused" }, clock);
  return { world: { ...world, sku: back.sku }, report: { type: "stock_gone", take } };
}

/** What the provider says of a payment when it is asked. */
function said(payment: `pay_${string}`, world: World): Report {
  const source = { via: "query" } as const;
  const { amount } = world.order;
  switch (accountOf(world, payment).fate) {
    case "asked":
    case "never":
      return { type: "payment_not_found", payment, source };
    case "open":
      return { type: "payment_open", payment, source };
    case "authorized":
      return { type: "payment_authorized", payment, providerRef: payment, amount, source };
    case "captured":
      return { type: "payment_succeeded", payment, providerRef: payment, amount, source };
    case "failed":
      return { type: "payment_failed", payment, failure: "declined", source };
    case "closed":
      return { type: "payment_closed", payment, source };
  }
}

function close(payment: `pay_${string}`, world: World): Performed {
  const { fate } = accountOf(world, payment);
  const closes = fate === "open" || fate === "authorized";
  const after = closes ? account(world, payment, { fate: "closed" }) : world;
  return { world: after, report: said(payment, after) };
}

function capture(payment: `pay_${string}`, world: World, refuses: boolean): Performed {
  const { fate } = accountOf(world, payment);
  const after =
    fate === "authorized" ? account(world, payment, { fate: refuses ? "failed" : "captured" }) : world;
  return { world: after, report: said(payment, after) };
}

/** Asked of the order as it is now: what has ended is not sent to the provider again. */
function refund(id: Order["refunds"][number]["id"], world: World, refuses: boolean): Performed {
  const wanted = world.order.refunds.find((known) => known.id === id);
  if (wanted?.state !== "pending") return { world, report: null };
  const source = { via: "answer" } as const;
  const { fate, refunded, refused } = accountOf(world, wanted.payment);
  if (fate !== "captured") throw new Error("money that never came was to be given back");
  if (refunded.includes(id)) return { world, report: { type: "refund_succeeded", refund: id, source } };
  if (refused.includes(id) || refuses)
    return {
      world: account(world, wanted.payment, { refused: [...new Set([...refused, id])] }),
      report: { type: "refund_failed", refund: id, failure: "refused", source },
    };
  return {
    world: account(world, wanted.payment, { refunded: [...refunded, id] }),
    report: { type: "refund_succeeded", refund: id, source },
  };
}
