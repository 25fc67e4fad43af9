import {
  MESSAGE_BYTES_MAX,
  SEND_BYTES_MAX,
  type EffectMessage,
  type OrderEventMessage,
} from "../../schema/messages.ts";
import type { Order } from "../../schema/order.ts";
import { logError } from "../log.ts";
import type { Waiting } from "./store.ts";

/** Messages sent together: never more bytes than the platform takes, even when each is as big as it may be. */
const TOGETHER_MAX = Math.floor(SEND_BYTES_MAX / MESSAGE_BYTES_MAX);

type Queues = Pick<Env, "EFFECTS" | "ORDER_EVENTS">;

/**
 * Hands an order's work to the queues, at least once: what gets lost, here or later, is repeated from the outbox until it
 * is reported done. One queue that is down does not stop the other. Never rejects.
 */
export async function carry(queues: Queues, order: Order, waiting: readonly Waiting[]): Promise<void> {
  const snapshot = withoutWays(order);
  const work: EffectMessage[] = [];
  for (const { key, effect } of waiting)
    if (effect) work.push({ v: 1, type: "order_effect", order: order.order, key, effect, snapshot });
  const isChanged = waiting.some(({ effect }) => effect === null);
  const sent = await Promise.allSettled([
    sendWork(queues.EFFECTS, work),
    isChanged ? sendChange(queues.ORDER_EVENTS, snapshot) : null,
  ]);
  for (const outcome of sent)
    if (outcome.status === "rejected")
      logError({ event: "order_work_not_sent", order: order.order, waiting: waiting.length }, outcome.reason);
}

async function sendWork(queue: Queues["EFFECTS"], work: readonly EffectMessage[]): Promise<void> {
  for (let from = 0; from < work.length; from += TOGETHER_MAX)
    await queue.sendBatch(work.slice(from, from + TOGETHER_MAX).map((body) => ({ body })));
}

async function sendChange(queue: Queues["ORDER_EVENTS"], order: Order): Promise<void> {
  const changed: OrderEventMessage = { v: 1, type: "order_changed", order, at: order.updatedAt };
  await queue.send(changed);
}

/** How a buyer pays and where he returns to is nobody's business but his: it stays out of queues and read models. */
export const withoutWays = (order: Order): Order => ({
  ...order,
  payments: order.payments.map((payment) => ({ ...payment, action: null, returnUrl: null })),
});
