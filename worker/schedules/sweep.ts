import { log } from "../../durable-objects/log.ts";
import { homeOf, type OrderId } from "../../schema/ids.ts";
import { orderActor, skuActor } from "../actors.ts";
import { eachOf } from "../consumers/delivery.ts";
import { lateOrders, lateRefunds } from "../read-models/late-orders.ts";

/** Orders one sweep looks at, the longest forgotten first. */
const SWEEP_MAX = 200;
/** And orders that wait for a bank to give money back. */
const REFUNDS_MAX = 100;

/**
 * Looks for orders that should have ended and have not, or whose refund has not, as far as D1 knows: an alarm was lost, or only the news of its work.
 * Each is told what time it is; it knows what that means, and is armed again. One that nothing ever happened to is its home
 * SKU's, which gives the units back.
 */
export async function sweep(env: Env, now: number): Promise<void> {
  const unended = await lateOrders(env.DB, now, SWEEP_MAX);
  const refunding = await lateRefunds(env.DB, now, REFUNDS_MAX);
  const late = [...new Set([...unended, ...refunding])];
  let failed = 0;
  await eachOf(late, async (order) => {
    await nudge(env, order).catch(() => failed++);
  });
  if (late.length > 0) log({ event: "sweep", late: late.length, failed });
}

async function nudge(env: Env, order: OrderId): Promise<void> {
  const born = await orderActor(env, order).report([{ type: "clock_ticked" }]);
  if (born) return;
  const home = await skuActor(env, homeOf(order)).find(order);
  if (home?.state !== "held" || !home.placement) return;
  const { buyer, lines } = home.placement;
  const quantity = lines[0]?.quantity ?? 1;
  await skuActor(env, homeOf(order)).release({ order, take: 1, buyer, quantity }, "pay_by_passed");
}
