import { dueAt } from "../../durable-objects/order/time.ts";
import { viewOf } from "./moves.ts";
import { clockOf, holdOfOrder, type World } from "./world.ts";

/** Whether nothing is on its way and nothing will happen any more but what buyers begin. */
export function isQuiet(world: World): boolean {
  const { outbox, strays, callbacks, accounts, order, born, now, rival } = world;
  if (outbox.length + strays.length + callbacks.length > 0 || rival === "holding") return false;
  if (accounts.some(({ fate }) => fate === "asked" || fate === "open" || fate === "authorized")) return false;
  if (holdOfOrder(world).state === "claimed") return false;
  return born ? dueAt(order) === null : now >= order.payBy;
}

/** Minor units of captured money that have not gone back. */
function keptOf({ accounts, order }: World): number {
  let kept = 0;
  for (const { fate, refunded } of accounts) {
    if (fate === "captured") kept += order.amount.amount;
    for (const id of refunded) kept -= order.refunds.find((refund) => refund.id === id)?.amount.amount ?? 0;
  }
  return kept;
}

/** What must be true of every world; what is not is said in words. */
export function brokenLaw(world: World): string | null {
  const { accounts, order, rival } = world;
  const kept = keptOf(world);
  if (kept < 0) return "more money went back than had come";
  const hold = holdOfOrder(world);
  if (hold.state === "sold" && rival === "owning") return "one unit is sold twice";
  if (world.cases.includes("stock_lost")) return "a claimed unit was gone";
  for (const { payment, fate } of accounts) {
    const known = order.payments.find(({ id }) => id === payment);
    if (known?.state === "succeeded" && fate !== "captured") return "money is believed that never came";
  }
  return isQuiet(world) ? brokenEnd(world, kept) : null;
}

/** What must be true once all is quiet. What people have been told of by a case is theirs to settle. */
function brokenEnd(world: World, kept: number): string | null {
  const { cases } = world;
  const { state, amount, refunds } = viewOf(world);
  const hold = holdOfOrder(world);
  const free = hold.state === "released" || (hold.state === "held" && hold.until <= clockOf(world.now));
  const given = refunds.reduce(
    (sum, refund) => sum + (refund.state === "succeeded" ? refund.amount.amount : 0),
    0,
  );
  if (state === "pending" || state === "paying") return `nothing happens any more and the order is ${state}`;
  if (refunds.some((refund) => refund.state === "pending"))
    return "nothing happens any more and a refund is pending";
  if (
    state === "paid" &&
    kept !== amount.amount &&
    kept + given !== amount.amount &&
    !cases.includes("refund_failed")
  )
    return `paid, and ${kept} was kept of ${amount.amount}`;
  if (state === "paid" && hold.state !== "sold") return "paid without a unit";
  if (state !== "paid" && kept !== 0 && !cases.includes("refund_failed"))
    return `${state}, and ${kept} was kept`;
  if (state === "expired" && !free && !cases.includes("capture_failed"))
    return "expired, and its unit is nobody's";
  return null;
}
