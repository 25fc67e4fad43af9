import { skuNumberOf, type SkuId } from "../../schema/ids.ts";
import type { Sale } from "../../schema/sale.ts";
import type { SkuView } from "../../schema/sku.ts";
import { skuActor } from "../actors.ts";
import { eachOf } from "../consumers/delivery.ts";
import { countOrders, unitsOf, type Units } from "../read-models/books.ts";
import { Findings } from "./findings.ts";
import { publishMissing } from "./missing.ts";

/** Orders of one sale that D1 adds up in one go: about a second of its one thread. A bigger sale is compared order by order. */
const ADDED_MAX = 200_000;

/** How often it is another SKU's turn to have its journal searched. */
const TURN_MS = 60_000;

type Views = Map<SkuId, SkuView | string>;

/**
 * Compares the counters of a sale's SKUs with the sums of D1's orders. A SKU that moves meanwhile cannot be compared: D1 is
 * always a moment behind. So each is looked at twice, `restMs` apart, and only what was at rest in between counts.
 */
export async function compareSkus(env: Env, sale: Sale, restMs: number, now: number): Promise<Findings> {
  const findings = new Findings(now);
  const before = await viewsOf(env, sale);
  if (restMs > 0) await scheduler.wait(restMs);
  const sums = await sumsOf(env, before);
  if (!sums) return findings;
  const after = await viewsOf(env, sale);
  const different: SkuId[] = [];
  for (const [sku, view] of after) {
    const id = `sku ${sku}`;
    const earlier = before.get(sku);
    if (typeof view === "string") findings.differs(id, `cannot be read: ${view}`);
    else if (typeof earlier === "object" && earlier.version === view.version) {
      const { held, sold } = sums.get(sku) ?? { held: 0, sold: 0 };
      if (held === view.held && sold === view.sold) findings.agrees(id);
      else {
        const detail = `its actor says ${view.held} held and ${view.sold} sold; D1's orders are ${held} and ${sold}`;
        findings.differs(id, detail);
        different.push(sku);
      }
    }
  }
  // One journal a round, each in turn: it may be long.
  const searched = different[Math.floor(now / TURN_MS) % different.length];
  if (searched !== undefined) findings.republished += await publishMissing(env, skuNumberOf(searched), now);
  return findings;
}

/** What each SKU says of itself, or why it does not. */
async function viewsOf(env: Env, { offers }: Sale): Promise<Views> {
  const views: Views = new Map();
  await eachOf(offers, async ({ sku }) => {
    const view = await skuActor(env, skuNumberOf(sku))
      .view()
      .catch((cause: unknown) => String(cause));
    if (view !== null) views.set(sku, view);
  });
  return views;
}

/** Over all sales that these SKUs have been in. Null when that is too much to add up. */
async function sumsOf(env: Env, views: Views): Promise<Map<SkuId, Units> | null> {
  const sales = new Set([...views.values()].flatMap((view) => (typeof view === "string" ? [] : view.sales)));
  const sums = new Map<SkuId, Units>();
  for (const sale of sales) {
    if ((await countOrders(env.DB, sale)) > ADDED_MAX) return null;
    for (const [sku, { held, sold }] of await unitsOf(env.DB, sale)) {
      const known = sums.get(sku) ?? { held: 0, sold: 0 };
      sums.set(sku, { held: known.held + held, sold: known.sold + sold });
    }
  }
  return sums;
}
