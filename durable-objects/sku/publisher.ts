import type { SkuNumber } from "../../schema/ids.ts";
import {
  MESSAGE_BYTES_MAX,
  SEND_BYTES_MAX,
  SEND_MESSAGES_MAX,
  type EffectMessage,
} from "../../schema/messages.ts";
import type { StockMove } from "../../schema/sku.ts";
import { logError } from "../log.ts";
import { DRAFTS_MAX, RESEND_MS, type Draft, type Outbox } from "./outbox.ts";
import { messageOf } from "./telling.ts";

/** Messages sent together: never more bytes than the platform takes, even when each is as big as it may be. */
const TOGETHER_MAX = Math.min(SEND_MESSAGES_MAX, Math.floor(SEND_BYTES_MAX / MESSAGE_BYTES_MAX));

/**
 * The first commit after a pause is sent at once. In a rush the next ones gather for so long, so that there are ten
 * messages a second to carry, store and acknowledge, and not one for every commit.
 */
const GATHER_MS = 100;

type Queues = Pick<Env, "ORDER_EVENTS" | "EFFECTS">;

/** Sends what the journal owes to the queues. Nobody waits for it: what fails is sent again by a later alarm. */
export class Publisher {
  readonly #queues: () => Queues;
  readonly #outbox: Outbox;
  #overdue: StockMove[] = [];
  #running: Promise<void> | null = null;
  /** After a failure nothing is tried before then, so that a rush does not hammer a queue that is down. */
  #pausedUntil = 0;

  constructor(queues: () => Queues, outbox: Outbox) {
    this.#queues = queues;
    this.#outbox = outbox;
  }

  /** Claims that outlived their deadline. Lost with memory: a claim that stays overdue comes again. */
  addOverdue(moves: readonly StockMove[]): void {
    for (const move of moves) this.#overdue.push(move);
  }

  get hasNews(): boolean {
    return this.#overdue.length > 0 || this.#outbox.hasUnsent;
  }

  /** Settles when everything that is due has been handed over, or could not be. Never rejects. */
  publish(sku: SkuNumber): Promise<void> {
    if (!this.#running && Date.now() < this.#pausedUntil) return Promise.resolve();
    return (this.#running ??= this.#run(sku));
  }

  async #run(sku: SkuNumber): Promise<void> {
    try {
      for (let sent = await this.#sendOnce(sku); sent !== "nothing"; sent = await this.#sendOnce(sku))
        await scheduler.wait(sent === "all" ? GATHER_MS : 0);
    } catch (cause) {
      this.#pausedUntil = Date.now() + RESEND_MS;
      logError({ event: "sku_publish_failed", sku }, cause);
    } finally {
      this.#running = null;
    }
  }

  /** What is due now, or some of it where there is much. Until it has been handed over more may have become due. */
  async #sendOnce(sku: SkuNumber): Promise<"nothing" | "some" | "all"> {
    const overdue = this.#overdue;
    this.#overdue = [];
    const now = Date.now();
    const drafts = this.#outbox.take(now);
    if (drafts.length === 0 && overdue.length === 0) return "nothing";
    // Both are tried: one queue that is down does not stop the other.
    const [changes, questions] = await Promise.allSettled([
      this.#sendChanges(sku, drafts, now),
      this.#sendOverdue(sku, overdue),
    ]);
    if (changes.status === "rejected") throw changes.reason;
    if (questions.status === "rejected") throw questions.reason;
    return drafts.length >= DRAFTS_MAX ? "some" : "all";
  }

  async #sendChanges(sku: SkuNumber, drafts: readonly Draft[], at: number): Promise<void> {
    for (let i = 0; i < drafts.length; i += TOGETHER_MAX) {
      const messages = drafts.slice(i, i + TOGETHER_MAX).map((draft) => ({
        body: messageOf(sku, draft, at),
        contentType: "text" as const,
      }));
      await this.#queues().ORDER_EVENTS.sendBatch(messages);
    }
  }

  async #sendOverdue(sku: SkuNumber, moves: readonly StockMove[]): Promise<void> {
    for (let i = 0; i < moves.length; i += SEND_MESSAGES_MAX) {
      const messages = moves
        .slice(i, i + SEND_MESSAGES_MAX)
        .map((move) => ({ body: { v: 1, type: "claim_overdue", sku, move } satisfies EffectMessage }));
      await this.#queues().EFFECTS.sendBatch(messages);
    }
  }
}
