import { sum, times } from "../../schema/money.ts";
import type { Line, Placement } from "../../schema/order.ts";
import type { Placed, SkuConfig } from "../../schema/sku.ts";

/** The line a SKU sells under one of its configurations. */
export const lineOf = ({ sku, name, price }: SkuConfig, quantity: number): Line => ({
  sku,
  name,
  quantity,
  unitPrice: price,
});

/** An order as it was placed, said in full. `offers` are all configurations of its home SKU, the first one first. */
export function placementOf(
  offers: readonly SkuConfig[],
  { order, buyer, quantity }: Pick<Placement, "order" | "buyer"> & { readonly quantity: number },
  { offer, others, createdAt, payBy }: Placed,
): Placement {
  const config = offers[offer];
  if (!config) throw new Error(`${order} was placed under the offer ${offer}, which never was`);
  const lines = [lineOf(config, quantity), ...others];
  const amount = sum(lines.map((line) => times(line.unitPrice, line.quantity)));
  return { order, sale: config.sale, buyer, lines, amount, createdAt, payBy };
}
