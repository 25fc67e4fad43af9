import { log } from "../../durable-objects/log.ts";
import { homeOf, type OrderId } from "../../schema/ids.ts";
import { orderActor, skuActor } from "../actors.ts";
import { eachOf } from "../consumers/delivery.ts";
import { lateOrders } from "../read-models/late-orders.ts";

/** Orders one sweep looks at, the longest forgotten first. */
const SWEEP_MAX = 200;

/**
 * Looks for orders that should have ended and have not, as far as D1 knows: an alarm was lost, or only the news of its work.
 * Each is told what time it is; it knows what that means, and is armed again. One that nothing ever happened to is its home
 * SKU's, which gives the units back.
 */
export async function sweep(env: Env, now: number): Promise<void> {
  const late = await lateOrders(env.DB, now, SWEEP_MAX);
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
