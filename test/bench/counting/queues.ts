import type { Counts } from "./counts.ts";

/** Each begun 64 KB of a message is one operation when it is written, when it is read and when it is deleted. */
const OPERATION_BYTES = 64_000;
/** What the platform adds to each message. */
const METADATA_BYTES = 100;

export function operationsOf(body: unknown): number {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return Math.ceil((new TextEncoder().encode(text).length + METADATA_BYTES) / OPERATION_BYTES);
}

export const countingQueue = <T>(queue: Queue<T>, counts: Counts): Queue<T> =>
  new Proxy(queue, {
    get(target, property: keyof Queue<T>) {
      if (property === "send")
        return (body: T, options?: QueueSendOptions) => {
          counts.queueOperations += operationsOf(body);
          return target.send(body, options);
        };
      if (property === "sendBatch")
        return (messages: Iterable<MessageSendRequest<T>>, options?: QueueSendBatchOptions) => {
          const all = [...messages];
          for (const { body } of all) counts.queueOperations += operationsOf(body);
          return target.sendBatch(all, options);
        };
      const value = target[property];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
