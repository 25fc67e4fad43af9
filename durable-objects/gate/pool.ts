import { err } from "../../schema/result.ts";

/** Requests waiting in one pool. More than this would wait longer than a buyer does. */
export const WAITING_MAX = 5_000;
/** Requests of one call to the SKU. */
export const POOL_BATCH_MAX = 1_000;

interface Waiting<Asked, Answer> {
  readonly asked: Asked;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (cause: unknown) => void;
}
type Overloaded = { ok: false; error: { code: "overloaded" } };

/**
 * Collects requests that come one by one into batches: while one is on its way, the next fills. It decides nothing, and what the
 * SKU has answered it passes on word for word.
 */
export class Pool<Asked, Answer> {
  readonly #askAll: (batch: readonly Asked[]) => Promise<readonly Answer[]>;
  #waiting: Waiting<Asked, Answer>[] = [];
  #running = false;

  constructor(askAll: (batch: readonly Asked[]) => Promise<readonly Answer[]>) {
    this.#askAll = askAll;
  }

  ask(asked: Asked): Promise<Answer | Overloaded> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve(err({ code: "overloaded" }));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ asked, resolve, reject });
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
  async #send(batch: readonly Waiting<Asked, Answer>[]): Promise<void> {
    try {
      const answers = await this.#askAll(batch.map(({ asked }) => asked));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index];
        if (answer) resolve(answer);
        else reject(new Error("the SKU answered fewer requests than it was asked"));
      }
    } catch (cause) {
      for (const { reject } of batch) reject(cause);
    }
  }
}
