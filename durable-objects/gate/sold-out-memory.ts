import type { BuyerId, SkuNumber } from "../../schema/ids.ts";
import { mayKnow, type SoldOut } from "../../schema/sold-out.ts";

/** How long anybody but the SKU may say that nothing of it is free: a unit that comes back is sold within it. */
const REMEMBERED_MS = 1_000;
/** From then on one request asks again, while the others are still answered from memory. */
const ASK_AGAIN_MS = 800;
/** A question whose asker has died may be asked again after so long. */
const ASKING_MS = 200;
/** SKUs that are remembered. */
const SKUS_MAX = 1_000;

interface Memory {
  /** What was true at `learntAt`, epoch ms; null when something was free, or too much to remember. */
  readonly soldOut: SoldOut | null;
  readonly learntAt: number;
  /** When the SKU was last asked for news, epoch ms. */
  askedAt: number;
}

/**
 * What an isolate or a gate knows by itself of SKUs of which nothing is free. It keeps values only, never promises: requests must
 * not wait for each other's I/O.
 */
export class SoldOutMemory {
  readonly #memories = new Map<SkuNumber, Memory>();

  /** How many units are held of a SKU that has nothing for this buyer; null when the SKU must be asked. */
  recall(sku: SkuNumber, buyer: BuyerId, now: number): { held: number } | null {
    const memory = this.#memories.get(sku);
    if (!memory?.soldOut || now >= memory.learntAt + REMEMBERED_MS) return null;
    if (now >= memory.learntAt + ASK_AGAIN_MS && now >= memory.askedAt + ASKING_MS) {
      memory.askedAt = now;
      return null;
    }
    return mayKnow(memory.soldOut, buyer) ? null : { held: memory.soldOut.held };
  }

  /** After a SKU has refused somebody: is anything free at all? One request of many asks. */
  async learn(sku: SkuNumber, now: number, ask: () => Promise<SoldOut | null>): Promise<void> {
    const memory = this.#memories.get(sku);
    if (memory && now < memory.learntAt + ASK_AGAIN_MS) return;
    if (memory && now < memory.learntAt + REMEMBERED_MS) memory.askedAt = now;
    // Marked as learnt before the answer, so that those who come meanwhile do not ask as well. What is too old counts for nothing.
    else this.#remember(sku, { soldOut: null, learntAt: now - ASK_AGAIN_MS + ASKING_MS, askedAt: now });
    this.#remember(sku, { soldOut: await ask(), learntAt: now, askedAt: now });
  }

  #remember(sku: SkuNumber, memory: Memory): void {
    if (this.#memories.size >= SKUS_MAX) this.#memories.clear();
    this.#memories.set(sku, memory);
  }
}
