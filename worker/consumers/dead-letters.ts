import { log } from "../../durable-objects/log.ts";
import { readMessage } from "../../durable-objects/sku/telling.ts";
import type { Case } from "../../schema/order.ts";
import { openCase, resolveCase } from "../read-models/cases.ts";
import {
  findDeadLetter,
  keepDeadLetters,
  markReplayed,
  type DeadLetter,
} from "../read-models/dead-letters.ts";
import { deliver } from "./delivery.ts";

/** A dead letter becomes a row that people see. While D1 is away it waits here. */
export async function consumeDeadLetters(
  batch: MessageBatch<unknown>,
  env: Env,
  queue: string,
): Promise<void> {
  await deliver(batch.messages, async () => {
    const letters = batch.messages.map(({ id, body, timestamp }) => ({
      id: `${queue}:${id}`,
      queue,
      // Whole, since it may be replayed: a message is far smaller than a row may be.
      body: JSON.stringify(readMessage(body) ?? null),
      failedAt: timestamp.getTime(),
    }));
    await keepDeadLetters(env.DB, letters);
    for (const letter of letters) await openCase(env.DB, caseOf(letter));
    for (const { id } of letters) log({ event: "dead_letter", queue, letter: id });
  });
}

const caseIdOf = (letter: string): string => `dead_letter:${letter}`;

/** Somebody has to look after it: a replay is what resolves it. */
const caseOf = ({ id, queue, failedAt }: Pick<DeadLetter, "id" | "queue" | "failedAt">): Case => ({
  id: caseIdOf(id),
  kind: "dead_letter",
  order: null,
  payment: null,
  detail: `the consumer of ${queue} could not digest ${id}`,
  openedAt: failedAt,
});

/** Sends a letter to its queue again. Null when there is no such letter; a replayed one is not sent twice. */
export async function replayDeadLetter(env: Env, id: string, by: string): Promise<DeadLetter | null> {
  const letter = await findDeadLetter(env.DB, id);
  if (!letter || letter.replayedAt !== null) return letter;
  await queueOf(env, letter.queue).send(JSON.parse(letter.body));
  const replayedAt = Date.now();
  await markReplayed(env.DB, id, by, replayedAt);
  await resolveCase(env.DB, caseIdOf(id), { by, resolution: "replayed", now: replayedAt });
  return { ...letter, replayedAt, replayedBy: by };
}

function queueOf(env: Env, queue: string): Queue {
  switch (queue) {
    case "provider-events":
      return env.PROVIDER_EVENTS;
    case "effects":
      return env.EFFECTS;
    case "order-events":
      return env.ORDER_EVENTS;
    default:
      throw new Error(`there is no queue ${queue}`);
  }
}
