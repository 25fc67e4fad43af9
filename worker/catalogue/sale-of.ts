import type { SaleId } from "../../schema/ids.ts";
import type { Sale } from "../../schema/sale.ts";
import { gateActor } from "../actors.ts";

/** How long this isolate trusts what it knows of a sale. Prices and windows are decided by the SKU, not by this. */
const FRESH_MS = 2_000;
/** How old it may get for those who come while it is asked again, or while its gate cannot be reached. */
const STALE_MAX_MS = 60_000;
/** Sales one isolate remembers. */
const REMEMBERED_MAX = 200;

interface Remembered {
  readonly sale: Sale;
  /** Epoch ms, as is the next. */
  readonly learntAt: number;
  /** When it is asked again. Moved ahead by the request that asks, so that only one of many does, until it is too old. */
  askAt: number;
}

/** Values only, never promises: requests of one isolate must not wait for each other. */
const remembered = new Map<SaleId, Remembered>();

/** The sale as its gate knows it; null when there is none. Needs no D1. */
export async function saleOf(env: Env, id: SaleId, now: number): Promise<Sale | null> {
  const known = remembered.get(id);
  if (known && now < known.askAt) return known.sale;
  if (known) known.askAt = Math.min(now + FRESH_MS, known.learntAt + STALE_MAX_MS);

  const view = await gateActor(env, id).view();
  if (!view) {
    remembered.delete(id);
    return null;
  }
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  // With the gates that its SKUs need now, where the merchant has left that to them.
  const sale = { ...view.sale, offers: view.offers };
  remembered.set(id, { sale, learntAt: now, askAt: now + FRESH_MS });
  return sale;
}
