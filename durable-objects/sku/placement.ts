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
  const own = times(config.price, quantity);
  // Nearly every order is of one line, and a rush places them by the thousand.
  const amount =
    others.length === 0 ? own : sum([own, ...others.map((line) => times(line.unitPrice, line.quantity))]);
  return { order, sale: config.sale, buyer, lines, amount, createdAt, payBy };
}
