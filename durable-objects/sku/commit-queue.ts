import { err } from "../../schema/result.ts";
import type { SkuAnswer, SkuAnswers, SkuCommand } from "./commands.ts";

/** Commands waiting for the next commit. More than this would wait longer than a buyer does. */
export const QUEUE_MAX = 10_000;
/** Commands of one commit: what comes in one call is committed in one piece, so there may be as many again. */
export const BATCH_MAX = 1_000;

interface Waiting {
  readonly commands: readonly SkuCommand[];
  readonly resolve: (answers: SkuAnswer[]) => void;
}
type Overloaded = { ok: false; error: { code: "overloaded" } };

/**
 * Group commit: whoever comes first waits for the end of this turn of the event loop, and everybody who came meanwhile
 * is committed with them. One write to disk then serves them all.
 */
export class CommitQueue {
  /** Decides and writes, without an await. When it throws, the object is lost and so are those who wait. */
  readonly #commit: (commands: readonly SkuCommand[]) => SkuAnswer[];
  /** Whether the next commit has something to do even if nobody waits for it. */
  readonly #isBehind: () => boolean;
  #waiting: Waiting[] = [];
  #length = 0;
  #draining: Promise<void> | null = null;

  constructor(commit: (commands: readonly SkuCommand[]) => SkuAnswer[], isBehind: () => boolean) {
    this.#commit = commit;
    this.#isBehind = isBehind;
  }

  async ask<C extends SkuCommand>(command: C): Promise<SkuAnswers[C["type"]] | Overloaded> {
    const [answer] = await this.askAll([command]);
    if (!answer) throw new Error("a command was not answered");
    return answer;
  }

  /** Commands of one kind, decided one after the other. */
  askAll<C extends SkuCommand>(commands: readonly C[]): Promise<(SkuAnswers[C["type"]] | Overloaded)[]> {
    if (this.#length + commands.length > QUEUE_MAX)
      return Promise.resolve(commands.map(() => err({ code: "overloaded" })));
    return new Promise((resolve, reject) => {
      this.#length += commands.length;
      // An answer is of its command's kind: answers come in the order of the commands.
      this.#waiting.push({ commands, resolve: resolve as Waiting["resolve"] });
      this.drain().catch(reject);
    });
  }

  /** The next commits, whether anybody waits for them or not, until there is nothing more to do. */
  drain(): Promise<void> {
    return (this.#draining ??= this.#drain());
  }

  /** Clears its own place in the step in which it finds nobody waiting: nobody can come in between and be forgotten. */
  async #drain(): Promise<void> {
    try {
      do {
        await scheduler.wait(0);
        const batch = this.#next();
        const commands = batch.flatMap((waiting) => waiting.commands);
        const answers = this.#commit(commands);
        let at = 0;
        for (const { commands: asked, resolve } of batch) resolve(answers.slice(at, (at += asked.length)));
      } while (this.#waiting.length > 0 || this.#isBehind());
    } finally {
      this.#draining = null;
    }
  }

  /** Those who came first, until there are enough for one commit. */
  #next(): Waiting[] {
    let count = 0;
    let length = 0;
    for (const { commands } of this.#waiting) {
      if (length >= BATCH_MAX) break;
      length += commands.length;
      count++;
    }
    this.#length -= length;
    return this.#waiting.splice(0, count);
  }
}
