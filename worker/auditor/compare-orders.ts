import { withoutWays } from "../../durable-objects/order/courier.ts";
import { homeOf, type OrderId } from "../../schema/ids.ts";
import type { OrderEventMessage } from "../../schema/messages.ts";
import { placementOf, refundedOf, unborn, type Order } from "../../schema/order.ts";
import { orderActor, skuActor } from "../actors.ts";
import { eachOf } from "../consumers/delivery.ts";
import type { Booked } from "../read-models/books.ts";
import { Findings } from "./findings.ts";

/** What changed less than this ago is still on its way to D1, which gets its messages in batches of a second. */
export const ON_ITS_WAY_MS = 5_000;

/** An order as those say who decide about it, and how D1 is told. */
interface Actual {
  readonly order: Order;
  readonly news: OrderEventMessage;
}

/** Compares what D1 has of orders with what their actors say. What D1 lacks it is told again. */
export async function compareOrders(env: Env, booked: readonly Booked[], now: number): Promise<Findings> {
  const findings = new Findings(now);
  await eachOf(booked, async (row) => {
    const id = `order ${row.id}`;
    const actual = await actualOf(env, row, now).catch((cause: unknown) => String(cause));
    if (typeof actual === "string") return findings.differs(id, `cannot be read: ${actual}`);
    const { order, news } = actual;
    const detail = differenceOf(row, order);
    if (detail === null) return findings.agrees(id);
    if (order.updatedAt > now - ON_ITS_WAY_MS) return;
    findings.differs(id, detail);
    // What is as new as its actor and yet differs, or newer, is not mended by telling it again: it becomes a case.
    if (row.version >= order.version) return;
    await env.ORDER_EVENTS.send(news);
    findings.republished++;
  });
  return findings;
}

function differenceOf({ state, version, order: known }: Booked, order: Order): string | null {
  const facts = (one: { state: string; version: number }, whole: Order): string =>
    `${one.state}, version ${one.version}, ${refundedOf(whole).amount} given back`;
  const [there, here] = [facts(order, order), facts({ state, version }, known)];
  const isSame = there === here && known.state === state && known.version === version;
  return isSame ? null : `its actor says ${there}; D1 says ${here}`;
}

/** Nobody but its home SKU knows of an order that nothing has happened to, and a day after its end nobody does. */
async function actualOf(env: Env, { id, order: known }: Booked, now: number): Promise<Actual> {
  const born = await changeOf(env, id, now);
  if (born) return born;
  const hold = await skuActor(env, homeOf(id)).find(id);
  const placement = hold?.placement ?? placementOf(known);
  const isOver = !hold || hold.state === "released";
  const order = unborn(placement, isOver ? placement.payBy : placement.createdAt);
  const at = order.updatedAt;
  const told = isOver ? { placed: [], expired: [{ placement, at }] } : { placed: [placement], expired: [] };
  const news = { v: 1, type: "sku_changed", sku: homeOf(id), ...told, at } as const;
  return { order, news };
}

/** What the order's own actor has to tell; null when nothing has ever happened to it. */
export async function changeOf(env: Env, id: OrderId, at: number): Promise<Actual | null> {
  const order = await orderActor(env, id).view();
  return order && { order, news: { v: 1, type: "order_changed", order: withoutWays(order), at } };
}
