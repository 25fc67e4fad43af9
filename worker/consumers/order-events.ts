import type { OrderId, SkuNumber } from "../../schema/ids.ts";
import type { OrderEventMessage } from "../../schema/messages.ts";
import { unborn, type Order } from "../../schema/order.ts";
import { orderActor, skuActor } from "../actors.ts";
import { project, type Projected } from "../read-models/projection.ts";
import { assertVersion, deliver, eachOf } from "./delivery.ts";

type EventMessage = Message<OrderEventMessage>;

/**
 * Keeps D1's copy of the orders: one D1 batch for a batch of messages, and only then word to the actors that it is done. What
 * is not acknowledged they send again; versions make the order of arrival unimportant.
 */
export async function consumeOrderEvents(batch: MessageBatch<OrderEventMessage>, env: Env): Promise<void> {
  const good: EventMessage[] = [];
  for (const message of batch.messages)
    await deliverUnlessGood(message, good);
  if (good.length === 0) return;
  await deliver(good, async () => {
    const changes = good.flatMap(({ body }) => changesOf(body));
    if (changes.length > 0) await project(env.DB, changes);
    await acknowledge(env, good);
  });
}

/** A message of an unknown version goes its own way, and holds up nobody's copy. */
async function deliverUnlessGood(message: EventMessage, good: EventMessage[]): Promise<void> {
  const known = (message.body as { v?: unknown } | null)?.v === 1;
  if (known) good.push(message);
  else await deliver([message], async () => assertVersion(message.body));
}

/** What a message says orders are now. An order's own actor (rank 1) knows better than its home SKU (rank 0). */
function changesOf(message: OrderEventMessage): Projected[] {
  if (message.type === "order_changed") return [{ order: message.order, rank: 1 }];
  const placed = message.placed.map((placement): Projected => ({ order: unborn(placement, placement.createdAt), rank: 0 }));
  const expired = message.expired.map(({ placement, at }): Projected => {
    const order: Order = { ...unborn(placement, placement.payBy), updatedAt: at };
    return { order, rank: 0 };
  });
  return [...placed, ...expired];
}

async function acknowledge(env: Env, messages: readonly EventMessage[]): Promise<void> {
  const versions = new Map<OrderId, number>();
  const throughs = new Map<SkuNumber, number[]>();
  for (const { body } of messages) {
    if (body.type === "order_changed") {
      const { order, version } = body.order;
      versions.set(order, Math.max(version, versions.get(order) ?? 0));
    } else throughs.set(body.sku, [...(throughs.get(body.sku) ?? []), body.through]);
  }
  await eachOf([...versions], async ([order, version]) => {
    await orderActor(env, order).report([{ type: "projected", version }]);
  });
  await eachOf([...throughs], async ([sku, all]) => {
    for (const through of all.toSorted((a, b) => a - b)) await skuActor(env, sku).published(through);
  });
}
