import type { ProviderEventMessage } from "../../schema/messages.ts";
import { orderActor } from "../actors.ts";
import { openCase } from "../read-models/cases.ts";
import { assertVersion, deliver, eachOf } from "./delivery.ts";

type EventMessage = Message<ProviderEventMessage>;

/** Tells orders what their providers have called back about. The order decides what it means, and knows what it has heard. */
export async function consumeProviderEvents(batch: MessageBatch<ProviderEventMessage>, env: Env): Promise<void> {
  const byOrder = new Map<unknown, EventMessage[]>();
  for (const message of batch.messages) {
    // One that is not even an object stands alone, so that it spoils nobody else's.
    const order: unknown = (message.body as ProviderEventMessage | null)?.order ?? message.id;
    byOrder.set(order, [...(byOrder.get(order) ?? []), message]);
  }
  await eachOf([...byOrder.values()], (messages) => deliver(messages, () => tell(env, messages)));
}

/** All that was said about one order, in one call. */
async function tell(env: Env, messages: readonly EventMessage[]): Promise<void> {
  for (const { body } of messages) assertVersion(body);
  const [first] = messages;
  if (!first) return;
  const heard = await orderActor(env, first.body.order).report(messages.map(({ body }) => body.report));
  if (heard) return;
  for (const { body } of messages) await openCase(env.DB, unknownOrder(body));
}

/** Money, or news of it, for an order that never started a payment. */
const unknownOrder = ({ provider, event, order, report, receivedAt }: ProviderEventMessage) => ({
  id: `unknown_order:${provider}:${event}`,
  kind: "unknown_order" as const,
  order,
  payment: "payment" in report ? report.payment : null,
  detail: `${provider} says ${report.type} about an order that never started a payment`,
  openedAt: receivedAt,
});
