import { err } from "../../schema/result.ts";
import type { HoldAnswer, HoldRequest } from "../../schema/sku.ts";

/** Requests waiting at one gate. More than this would wait longer than a buyer does. */
export const WAITING_MAX = 5_000;
/** Requests of one call to the SKU. */
export const POOL_BATCH_MAX = 1_000;

interface Waiting {
  readonly request: HoldRequest;
  readonly resolve: (answer: HoldAnswer) => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * Collects requests that come one by one into batches: while one is on its way, the next fills. It decides nothing, and what the
 * SKU has answered it passes on word for word.
 */
export class Pool {
  readonly #ask: (requests: readonly HoldRequest[]) => Promise<readonly HoldAnswer[]>;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(ask: (requests: readonly HoldRequest[]) => Promise<readonly HoldAnswer[]>) {
    this.#ask = ask;
  }

  hold(request: HoldRequest): Promise<HoldAnswer> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve(err({ code: "overloaded" }));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    // Whoever comes in the same turn of the event loop goes along.
    await scheduler.wait(0);
    while (this.#waiting.length > 0) await this.#send(this.#waiting.splice(0, POOL_BATCH_MAX));
    this.#running = false;
  }

  /** Never rejects: who waited hears what went wrong, and asks again under the same key. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#ask(batch.map(({ request }) => request));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index];
        if (answer) resolve(answer);
        else reject(new Error("the SKU answered fewer holds than it was asked for"));
      }
    } catch (cause) {
      for (const { reject } of batch) reject(cause);
    }
  }
}
