import { skuNumberOf, type SkuId } from "../../schema/ids.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import type { Offer, Sale } from "../../schema/sale.ts";
import type { SkuConfig } from "../../schema/sku.ts";
import { gateActor, skuActor } from "../actors.ts";
import type { FieldError, Refusal } from "../problem.ts";
import { saveSale } from "../read-models/catalogue.ts";

/**
 * Creates or changes a sale: first the SKUs, which decide, then the gate, which shows, then D1, which lists. Each step is
 * safe to repeat, so a failure in between is mended by asking again.
 */
export async function defineSale(
  env: Env,
  sale: Sale,
  stocks: ReadonlyMap<SkuId, number>,
  now: number,
): Promise<Result<Sale, Refusal>> {
  const taken = await skusOfOtherSales(env, sale, now);
  if (taken.length > 0) return err({ code: "invalid_request", errors: taken });

  const configured = await Promise.all(
    sale.offers.map((offer) =>
      skuActor(env, skuNumberOf(offer.sku)).configure(configOf(sale, offer), stocks.get(offer.sku) ?? 0),
    ),
  );
  for (const [index, answer] of configured.entries()) {
    if (answer.ok) continue;
    if (answer.error.code === "overloaded") return err({ code: "overloaded" });
    const detail = "clashes with another SKU; choose another id";
    return err({ code: "invalid_request", errors: [{ pointer: `/skus/${index}/sku`, detail }] });
  }

  const previous = await gateActor(env, sale.id).configure(sale);
  if (previous) await withdraw(env, previous, sale, now);
  await saveSale(env.DB, sale);
  return ok(sale);
}

/** A SKU is in one sale at a time: it may move on when the sale it was in is over. */
async function skusOfOtherSales(env: Env, sale: Sale, now: number): Promise<FieldError[]> {
  const views = await Promise.all(sale.offers.map(({ sku }) => skuActor(env, skuNumberOf(sku)).view()));
  return views.flatMap((view, index) => {
    if (!view || view.config.sale === sale.id || now >= view.config.closesAt) return [];
    return [
      { pointer: `/skus/${index}/sku`, detail: `is in the sale "${view.config.sale}", which is not over` },
    ];
  });
}

/** What a sale no longer offers is no longer sold. What is held or owned stays held and owned. */
async function withdraw(env: Env, previous: Sale, sale: Sale, now: number): Promise<void> {
  const kept = new Set(sale.offers.map(({ sku }) => sku));
  const gone = previous.offers.filter(({ sku }) => !kept.has(sku));
  const closesAt = Math.min(previous.closesAt, now);
  await Promise.all(
    gone.map((offer) =>
      skuActor(env, skuNumberOf(offer.sku)).configure({ ...configOf(previous, offer), closesAt }, 0),
    ),
  );
}

const configOf = (sale: Sale, { sku, name, price }: Offer): SkuConfig => ({
  sku,
  sale: sale.id,
  name,
  price,
  perBuyerMax: sale.perBuyerMax,
  holdMs: sale.holdMs,
  opensAt: sale.opensAt,
  closesAt: sale.closesAt,
});
