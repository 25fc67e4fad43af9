import { toldBy } from "../../durable-objects/sku/telling.ts";
import { orderToWire, refundToWire, iso } from "../api/present.ts";
import type { OrderEventMessage } from "../../schema/messages.ts";
import { unborn, type Order } from "../../schema/order.ts";
import type { WebhookEvent, WebhookType } from "../../schema/webhook.ts";

/**
 * What merchants are told of an order as it is now. Each fact has an id of its own, so that an order may be looked at as often
 * as one likes, and a state that nobody saw, because the next one followed at once, is told all the same.
 */
export function eventsOf(order: Order): WebhookEvent[] {
  const tail = order.order.slice(4);
  const event = (id: string, type: WebhookType, more: Record<string, unknown> = {}): WebhookEvent => ({
    id: `msg_${tail}_${id}`,
    type,
    order: order.order,
    version: order.version,
    body: JSON.stringify({
      type,
      timestamp: iso(order.updatedAt),
      data: { version: order.version, order: orderToWire(order), ...more },
    }),
  });
  const events: WebhookEvent[] = [];
  if (order.paidBy !== null && order.state !== "expired") events.push(event("paid", "order.paid"));
  if (order.state === "expired") events.push(event("expired", "order.expired"));
  for (const refund of order.refunds)
    if (refund.state === "succeeded")
      events.push(event(`refund${refund.id.slice(-2)}`, "order.refunded", { refund: refundToWire(refund) }));
  for (const { id, provider, state, failure } of order.payments)
    if (state === "failed")
      events.push(event(`payment${id.slice(-2)}`, "payment.failed", { payment: { id, provider, failure } }));
  return events;
}

/** What a message about orders gives to tell. */
export const eventsIn = (message: OrderEventMessage): WebhookEvent[] =>
  message.type === "order_changed"
    ? eventsOf(message.order)
    : toldBy(message).expired.flatMap(({ placement, at }) =>
        eventsOf({ ...unborn(placement, placement.payBy), updatedAt: at }),
      );

/** What staff send to see whether an endpoint hears. */
export function testEvent(id: string, now: number): WebhookEvent {
  const body = JSON.stringify({ type: "endpoint.test", timestamp: iso(now), data: { endpoint: id } });
  return { id: `msg_test_${crypto.randomUUID()}`, type: "endpoint.test", order: null, version: 0, body };
}
