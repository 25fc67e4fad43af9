import { readMessage, toldBy } from "../../durable-objects/sku/telling.ts";
import type { OrderEventMessage } from "../../schema/messages.ts";
import { unborn, type Order } from "../../schema/order.ts";
import { orderActor, skuActor, webhookActor } from "../actors.ts";
import { eventsIn } from "../merchant/events.ts";
import { project, type Projected } from "../read-models/projection.ts";
import { listEndpoints } from "../read-models/webhook-endpoints.ts";
import { deliver, eachOf, groupsOf, understood, type Letter } from "./delivery.ts";
import { OrderEventShape } from "./shapes.ts";

type EventMessage = Letter<OrderEventMessage>;

/**
 * Keeps D1's copy of the orders: one D1 batch for a batch of messages, and only then word to the actors that it is done. What
 * is not acknowledged they send again; versions make the order of arrival unimportant.
 */
export async function consumeOrderEvents(batch: MessageBatch, env: Env): Promise<void> {
  const messages = await understood(batch.messages.map(read), OrderEventShape);
  const stored = await store(env, messages);
  // Each actor's messages end by themselves: one that cannot be told holds up nobody else.
  const groups = groupsOf(stored, ({ body }) =>
    body.type === "order_changed" ? body.order.order : body.sku,
  );
  const endpoints = stored.length > 0 ? await listEndpoints(env.DB).catch(() => null) : [];
  await eachOf(groups, (group) =>
    deliver(group, async () => {
      await tellMerchants(env, endpoints, group);
      await acknowledge(env, group);
    }),
  );
}

const read = (message: Message): EventMessage => ({
  id: message.id,
  attempts: message.attempts,
  body: readMessage(message.body) as OrderEventMessage,
  ack: () => message.ack(),
  retry: (options) => message.retry(options),
});

/** The messages that D1 has: all of them, or none and they are sent back. */
async function store(env: Env, messages: EventMessage[]): Promise<EventMessage[]> {
  try {
    await project(
      env.DB,
      messages.flatMap(({ body }) => changesOf(body)),
    );
    return messages;
  } catch (cause) {
    await deliver(messages, () => Promise.reject(cause));
    return [];
  }
}

/** What a message says orders are now. An order's own actor (rank 1) knows better than its home SKU (rank 0). */
export function changesOf(message: OrderEventMessage): Projected[] {
  if (message.type === "order_changed") return [{ order: message.order, rank: 1 }];
  const { placed, expired } = toldBy(message);
  const pending = placed.map((placement) => unborn(placement, placement.createdAt));
  const ended = expired.map(({ placement, at }) => ({
    ...unborn(placement, placement.payBy),
    updatedAt: at,
  }));
  return [...pending, ...ended].map((order) => ({ order, rank: 0 }));
}

/** Before an actor may forget that there is something to tell, every endpoint has written it down. */
async function tellMerchants(
  env: Env,
  endpoints: readonly string[] | null,
  messages: readonly EventMessage[],
): Promise<void> {
  if (!endpoints) throw new Error("nobody knows which merchants to tell");
  if (endpoints.length === 0) return;
  const events = messages.flatMap(({ body }) => eventsIn(body));
  if (events.length > 0) await Promise.all(endpoints.map((id) => webhookActor(env, id).tell(events)));
}

/** Tells one actor what D1 has of it. A SKU knows each message by its rows, so it hears of each; the auditor's are nobody's. */
async function acknowledge(env: Env, messages: readonly EventMessage[]): Promise<void> {
  let newest: Order | null = null;
  for (const { body } of messages) {
    if (body.type === "sku_rows") await skuActor(env, body.sku).published(body.after, body.through);
    else if (body.type === "order_changed" && body.order.version > (newest?.version ?? 0))
      newest = body.order;
  }
  if (newest) await orderActor(env, newest.order).report([{ type: "projected", version: newest.version }]);
}
