import type { ProviderEventMessage } from "../../schema/messages.ts";
import { orderActor } from "../actors.ts";
import { openCase } from "../read-models/cases.ts";
import { deliver, eachOf, groupsOf, understood } from "./delivery.ts";
import { ProviderEventShape } from "./shapes.ts";

type EventMessage = Message<ProviderEventMessage>;

/** Tells orders what their providers have called back about. The order decides what it means, and knows what it has heard. */
export async function consumeProviderEvents(
  batch: MessageBatch<ProviderEventMessage>,
  env: Env,
): Promise<void> {
  const messages = await understood(batch.messages, ProviderEventShape);
  // What came back is told alone, so that one report nobody can digest does not keep its order from hearing the others.
  const groups = groupsOf(messages, ({ id, attempts, body }) => (attempts > 1 ? id : body.order));
  await eachOf(groups, (group) => deliver(group, () => tell(env, group)));
}

/** All that was said about one order, in one call. */
async function tell(env: Env, messages: readonly EventMessage[]): Promise<void> {
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
