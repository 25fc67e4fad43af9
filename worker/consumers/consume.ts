import type { EffectMessage, ProviderEventMessage } from "../../schema/messages.ts";
import { consumeDeadLetters } from "./dead-letters.ts";
import { consumeEffects } from "./effects.ts";
import { consumeOrderEvents } from "./order-events.ts";
import { consumeProviderEvents } from "./provider-events.ts";

/** A queue's name without its environment's prefix. */
const QUEUE = /(?:^|-)(provider-events|effects|order-events)(-dead)?$/;

/** One consumer for each queue; what a queue's consumer cannot digest goes to its dead letters. */
export async function consume(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  const [, queue = "", dead] = QUEUE.exec(batch.queue) ?? [];
  if (dead) return consumeDeadLetters(batch, env, queue);
  switch (queue) {
    case "provider-events":
      return consumeProviderEvents(batch as MessageBatch<ProviderEventMessage>, env);
    case "effects":
      return consumeEffects(batch as MessageBatch<EffectMessage>, env);
    case "order-events":
      return consumeOrderEvents(batch, env);
    default:
      throw new Error(`nobody consumes the queue ${batch.queue}`);
  }
}
