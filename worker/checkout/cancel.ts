import type { BuyerId } from "../../schema/ids.ts";
import { placementOf, type Order } from "../../schema/order.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import { orderActor } from "../actors.ts";
import type { Refusal } from "../problem.ts";
import { readOrder } from "./read.ts";

/** Gives a pending order's units back before its time. Repeating it is harmless. */
export async function cancelOrder(env: Env, id: string, buyer: BuyerId): Promise<Result<Order, Refusal>> {
  const order = await readOrder(env, id);
  if (!order || order.buyer !== buyer) return err({ code: "not_found" });
  const cancelled = await orderActor(env, order.order).cancel(placementOf(order));
  if (cancelled.ok) return ok(cancelled.value);
  return err({ code: "order_state", detail: `The order is ${cancelled.error.state}.` });
}
