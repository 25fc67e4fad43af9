import { offerOf, writtenOf } from "../../../durable-objects/sku/journal-text.ts";
import type { Draft, Outbox } from "../../../durable-objects/sku/outbox.ts";
import type { SkuNumber } from "../../../schema/ids.ts";
import type { EffectMessage, OrderEventMessage } from "../../../schema/messages.ts";
import type { SkuEvent, StockMove } from "../../../schema/sku.ts";
import type { SimRow } from "../journal.ts";
import type { Loop } from "../loop.ts";
import type { SimQueue } from "../queues.ts";
import type { Sender } from "../sku-object.ts";

/** As the publisher has them. */
const GATHER_MS = 100;
const PAUSE_MS = 5_000;

type Queues = Record<"ORDER_EVENTS" | "EFFECTS", SimQueue>;

/** What the publisher does, without promises: a message for what has gathered, and nothing for a while when a queue is down. */
export class LightSender implements Sender {
  readonly #loop: Loop;
  readonly #queues: Queues;
  readonly #outbox: Outbox<SimRow>;
  readonly #isAlive: () => boolean;
  #overdue: StockMove[] = [];
  #isGathering = false;
  #pausedUntil = 0;

  constructor(loop: Loop, queues: Queues, outbox: Outbox<SimRow>, isAlive: () => boolean) {
    this.#loop = loop;
    this.#queues = queues;
    this.#outbox = outbox;
    this.#isAlive = isAlive;
  }

  get hasNews(): boolean {
    return this.#overdue.length > 0 || this.#outbox.hasUnsent;
  }

  addOverdue(moves: readonly StockMove[]): void {
    this.#overdue.push(...moves);
  }

  publish(sku: SkuNumber): void {
    const { now } = this.#loop;
    if (this.#isGathering || now < this.#pausedUntil) return;
    const overdue = this.#overdue;
    this.#overdue = [];
    const drafts = this.#outbox.take(now);
    if (drafts.length === 0 && overdue.length === 0) return;
    const isSent = [this.#sendChanges(sku, drafts), this.#sendOverdue(sku, overdue)].every(Boolean);
    if (!isSent) {
      this.#pausedUntil = now + PAUSE_MS;
      return;
    }
    this.#isGathering = true;
    this.#loop.after(GATHER_MS, () => {
      this.#isGathering = false;
      if (this.#isAlive()) this.publish(sku);
    });
  }

  #sendChanges(sku: SkuNumber, drafts: readonly Draft<SimRow>[]): boolean {
    const at = this.#loop.now;
    const messages = drafts.map(({ rows, ...draft }): OrderEventMessage => ({
      v: 1,
      type: "sku_rows",
      sku,
      ...draft,
      at,
      rows: rows.map((row) => ({ at: row.at, news: newsOf(row.events) })),
    }));
    return isTaken(this.#queues.ORDER_EVENTS, messages);
  }

  #sendOverdue(sku: SkuNumber, moves: readonly StockMove[]): boolean {
    const messages = moves.map((move): EffectMessage => ({ v: 1, type: "claim_overdue", sku, move }));
    return isTaken(this.#queues.EFFECTS, messages);
  }
}

/** What some events tell, as the journal writes it. */
const newsOf = (events: readonly SkuEvent[]): unknown[][] =>
  events.filter((event) => offerOf(event) !== null).map((event) => writtenOf(event) as unknown[]);

/** Whether the queue was there to take them. */
export function isTaken(queue: SimQueue, messages: readonly unknown[]): boolean {
  try {
    queue.put(messages);
    return true;
  } catch {
    return false;
  }
}
