import type { BuyerId, SkuNumber } from "../../schema/ids.ts";
import { mayKnow, type SoldOut } from "../../schema/sold-out.ts";
import { skuActor } from "../actors.ts";

/** How long this isolate may say by itself that nothing of a SKU is free: a unit that comes back is sold within it. */
const REMEMBERED_MS = 1_000;
/** From then on one request asks again, while the others are still answered from memory. */
const ASK_AGAIN_MS = 800;
/** A question whose asker has died may be asked again after so long. */
const ASKING_MS = 200;
/** SKUs one isolate remembers. */
const SKUS_MAX = 1_000;

interface Memory {
  /** What was true at `learntAt`, epoch ms; null when something was free, or too much to remember. */
  readonly soldOut: SoldOut | null;
  readonly learntAt: number;
  /** When the SKU was last asked for news, epoch ms. */
  askedAt: number;
}

/** Values only, never promises: requests of one isolate must not wait for each other. */
const memories = new Map<SkuNumber, Memory>();

/**
 * What this isolate knows by itself about a buyer's chances: how many units are held of a SKU of which nothing is free. Null
 * when the SKU must be asked. It costs no call, and in a sold-out rush nearly every answer is this one.
 */
export function recallSoldOut(sku: SkuNumber, buyer: BuyerId, now: number): { held: number } | null {
  const memory = memories.get(sku);
  if (!memory?.soldOut || now >= memory.learntAt + REMEMBERED_MS) return null;
  if (now >= memory.learntAt + ASK_AGAIN_MS && now >= memory.askedAt + ASKING_MS) {
    memory.askedAt = now;
    return null;
  }
  return mayKnow(memory.soldOut, buyer) ? null : { held: memory.soldOut.held };
}

/** After a SKU has refused somebody: is anything free at all? One request of many asks. */
export async function learnSoldOut(env: Env, sku: SkuNumber, now: number): Promise<void> {
  const memory = memories.get(sku);
  if (memory && now < memory.learntAt + ASK_AGAIN_MS) return;
  if (memory) memory.askedAt = now;
  // Marked as learnt before the answer, so that those who come meanwhile do not ask as well.
  else memories.set(sku, { soldOut: null, learntAt: now - ASK_AGAIN_MS + ASKING_MS, askedAt: now });
  const soldOut = await skuActor(env, sku).soldOut();
  if (memories.size >= SKUS_MAX) memories.clear();
  memories.set(sku, { soldOut, learntAt: now, askedAt: now });
}
