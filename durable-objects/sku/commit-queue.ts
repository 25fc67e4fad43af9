import { err } from "../../schema/result.ts";
import type { SkuAnswer, SkuAnswers, SkuCommand } from "./commands.ts";

/** Commands waiting for the next commit. More than this would wait longer than a buyer does. */
export const QUEUE_MAX = 10_000;
/** Commands of one commit. */
const BATCH_MAX = 1_000;

interface Waiting {
  readonly command: SkuCommand;
  readonly resolve: (answer: SkuAnswer) => void;
}
type Overloaded = { ok: false; error: { code: "overloaded" } };

/**
 * Group commit: whoever comes first waits for the end of this turn of the event loop, and everybody who came meanwhile
 * is committed with them. One write to disk then serves them all.
 */
export class CommitQueue {
  /** Decides and writes, without an await. When it throws, the object is lost and so are those who wait. */
  readonly #commit: (commands: readonly SkuCommand[]) => SkuAnswer[];
  #waiting: Waiting[] = [];
  #draining: Promise<void> | null = null;

  constructor(commit: (commands: readonly SkuCommand[]) => SkuAnswer[]) {
    this.#commit = commit;
  }

  ask<C extends SkuCommand>(command: C): Promise<SkuAnswers[C["type"]] | Overloaded> {
    if (this.#waiting.length >= QUEUE_MAX) return Promise.resolve(err({ code: "overloaded" }));
    return new Promise((resolve, reject) => {
      // An answer is of its command's kind: answers come in the order of the commands.
      this.#waiting.push({ command, resolve: resolve as Waiting["resolve"] });
      this.drain().catch(reject);
    });
  }

  /** The next commit, whether anybody waits for it or not. */
  drain(): Promise<void> {
    return (this.#draining ??= this.#drain());
  }

  /** Clears its own place in the step in which it finds nobody waiting: nobody can come in between and be forgotten. */
  async #drain(): Promise<void> {
    try {
      do {
        await scheduler.wait(0);
        const batch = this.#waiting.splice(0, BATCH_MAX);
        const answers = this.#commit(batch.map(({ command }) => command));
        for (let i = 0; i < batch.length; i++) batch[i]?.resolve(answers[i] as SkuAnswer);
      } while (this.#waiting.length > 0);
    } finally {
      this.#draining = null;
    }
  }
}
