import { logError } from "../../durable-objects/log.ts";

/** Calls one consumer has under way; the platform allows an invocation six connections. */
const AT_ONCE_MAX = 6;
/** Seconds before a message is tried again: this, doubling with every attempt. */
const RETRY_S = 2;
const RETRY_S_MAX = 300;

export const retryDelay = (attempts: number): number => Math.min(RETRY_S * 2 ** (attempts - 1), RETRY_S_MAX);

/** Does each piece of work, a few at a time, in the order given. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE_MAX, items.length) }, worker));
}

/**
 * Acknowledges messages once their work is done, and sends them back when it was not: one bad message holds up nobody else,
 * and ends among the dead letters after its last attempt.
 */
export async function deliver(messages: readonly Message<unknown>[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
    for (const message of messages) message.ack();
  } catch (cause) {
    const attempts = messages[0]?.attempts ?? 1;
    logError({ event: "message_not_digested", message: messages[0]?.id ?? "", attempts }, cause);
    for (const message of messages) message.retry({ delaySeconds: retryDelay(message.attempts) });
  }
}

/** A version that this code does not know was written by newer code: it must not be guessed at. */
export function assertVersion(body: unknown): void {
  const { v } = (body ?? {}) as { v?: unknown };
  if (v !== 1) throw new Error(`a message of the version ${String(v)}`);
}
