import * as z from "zod";
import { logError } from "../../durable-objects/log.ts";

/** Calls one consumer has under way; the platform allows an invocation six connections. */
const AT_ONCE_MAX = 6;
/** Seconds before a message is tried again: this, doubling with every attempt. */
const RETRY_S = 2;
const RETRY_S_MAX = 300;

/** Between half of the delay and all of it, by chance: what failed together does not come back together. */
function retryDelay(attempts: number): number {
  const delay = Math.min(RETRY_S * 2 ** (attempts - 1), RETRY_S_MAX);
  return Math.ceil((delay * (1 + Math.random())) / 2);
}

/** Does each piece of work, a few at a time, in the order given. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE_MAX, items.length) }, worker));
}

/** What belongs together, in order of arrival. */
export function groupsOf<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  return [...Map.groupBy(items, keyOf).values()];
}

/** A message, as far as a consumer looks at it. */
export type Letter<T> = Pick<Message<T>, "id" | "attempts" | "body" | "ack" | "retry">;

/**
 * Acknowledges messages once their work is done, and sends them back when it was not: one bad message holds up nobody else,
 * and ends among the dead letters after its last attempt.
 */
export async function deliver(
  messages: readonly Letter<unknown>[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
    for (const message of messages) message.ack();
  } catch (cause) {
    const attempts = messages[0]?.attempts ?? 1;
    logError({ event: "message_not_digested", message: messages[0]?.id ?? "", attempts }, cause);
    for (const message of messages) message.retry({ delaySeconds: retryDelay(message.attempts) });
  }
}

/**
 * The messages whose shape this code knows. Any other was damaged, or written by newer code and must not be guessed at: it
 * comes back alone, by when newer code may be here, and ends among the dead letters.
 */
export async function understood<M extends Letter<unknown>>(
  messages: readonly M[],
  shape: z.ZodType,
): Promise<M[]> {
  const known: M[] = [];
  for (const message of messages) {
    const parsed = shape.safeParse(message.body);
    if (parsed.success) known.push(message);
    else await deliver([message], () => Promise.reject(new Error(z.prettifyError(parsed.error))));
  }
  return known;
}
