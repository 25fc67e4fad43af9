import { homeOf, isOrderId, type OrderId } from "../../schema/ids.ts";
import { unborn, type Order, type Placement } from "../../schema/order.ts";
import { orderActor, skuActor } from "../actors.ts";
import { findOrder } from "../read-models/orders.ts";

/**
 * An order as it is now. Its actor answers; before the actor has stored anything the home hold does; and when both have
 * forgotten (an order that nobody ever paid, a day after it ended) the read model remembers.
 */
export async function readOrder(env: Env, id: string, now = Date.now()): Promise<Order | null> {
  if (!isOrderId(id)) return null;
  const born = await orderActor(env, id).view();
  if (born) return born;
  const placement = await placementAtHome(env, id);
  return placement ? unborn(placement, now) : findOrder(env.DB, id);
}

/** What an order was placed as, from its home hold. */
export async function placementAtHome(env: Env, id: OrderId): Promise<Placement | null> {
  const hold = await skuActor(env, homeOf(id)).find(id);
  return hold?.placement ?? null;
}
