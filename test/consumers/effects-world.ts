import { skuNumberOf } from "../../schema/ids.ts";
import type { EffectMessage } from "../../schema/messages.ts";
import type { Effect, Order, Report } from "../../schema/order.ts";
import { consumeEffects } from "../../worker/consumers/effects.ts";
import { bodies, deliverTo, FakeOrder, type FakeSku, worldOf } from "./world.ts";

export const RED = skuNumberOf("lamp-red");
export const BLUE = skuNumberOf("lamp-blue");

export const effectOf = (order: Order, effect: Effect): EffectMessage => ({
  v: 1,
  type: "order_effect",
  order: order.order,
  key: `key-of-${effect.type}`,
  effect,
  snapshot: order,
});

interface Setting {
  readonly skus?: Record<string, object>;
  readonly bank?: object;
  readonly env?: object;
}

/** Has one order's work done, once for each effect given, and tells what the order heard. */
export async function perform(
  order: Order,
  effects: readonly Effect[],
  { skus = {}, bank = {}, env = {} }: Setting,
) {
  const actor = new FakeOrder(order);
  const world = worldOf({ orders: { [order.order]: actor }, skus, bank }, env);
  const ended = await deliverTo(
    consumeEffects,
    world,
    bodies(...effects.map((effect) => effectOf(order, effect))),
  );
  return { ended, heard: actor.heard, world };
}

export const answerTo = (type: Effect["type"], ...answers: Report[]) => ({
  reports: answers,
  settles: `key-of-${type}`,
});

export const claimed = (order: Order, sku: FakeSku, take = 1) => {
  sku.holds.set(order.order, { state: "claimed", take });
  return sku;
};
