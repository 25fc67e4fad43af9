import { asc, eq, gt, inArray, and, count } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { OrderId, SaleId, SkuId } from "../../schema/ids.ts";
import type { Order } from "../../schema/order.ts";
import { orders } from "../../schema/tables/tables.ts";

/** What D1 has of an order. */
export interface Booked {
  readonly id: OrderId;
  readonly state: string;
  readonly version: number;
  readonly order: Order;
}

const columns = {
  id: orders.id,
  state: orders.state,
  version: orders.version,
  document: orders.document,
};
type Row = { id: string; state: string; version: number; document: string };

const bookedOf = ({ id, state, version, document }: Row): Booked => ({
  id: id as OrderId,
  state,
  version,
  order: JSON.parse(document) as Order,
});

/** Orders by id, after this one; those of one sale, or all. */
export async function ordersAfter(
  db: D1Database,
  { sale, after, max }: { sale: SaleId | null; after: string; max: number },
): Promise<Booked[]> {
  const ofSale = sale === null ? undefined : eq(orders.sale, sale);
  const rows = await drizzle(db)
    .select(columns)
    .from(orders)
    .where(and(gt(orders.id, after), ofSale))
    .orderBy(asc(orders.id))
    .limit(max);
  return rows.map(bookedOf);
}

export async function ordersOf(db: D1Database, ids: readonly OrderId[]): Promise<Booked[]> {
  if (ids.length === 0) return [];
  const rows = await drizzle(db)
    .select(columns)
    .from(orders)
    .where(inArray(orders.id, [...ids]));
  return rows.map(bookedOf);
}

/** Which of these D1 has never heard of. */
export async function unknownOf(db: D1Database, ids: readonly OrderId[]): Promise<Set<OrderId>> {
  const { results } = await db
    .prepare("SELECT value AS id FROM json_each(?) WHERE value NOT IN (SELECT id FROM orders)")
    .bind(JSON.stringify(ids))
    .all<{ id: OrderId }>();
  return new Set(results.map(({ id }) => id));
}

export async function countOrders(db: D1Database, sale: SaleId): Promise<number> {
  const [row] = await drizzle(db).select({ count: count() }).from(orders).where(eq(orders.sale, sale));
  return row?.count ?? 0;
}

export interface Units {
  readonly held: number;
  readonly sold: number;
}

/**
 * Where the units of a sale's orders are, as their states say. A refund leaves a unit with its buyer unless the money came too
 * late for one; units that were sold for a promise that was broken stay sold.
 */
const UNITS = `
  SELECT line.value ->> '$.sku' AS sku,
    sum(iif(is_sold, line.value ->> '$.quantity', 0)) AS sold,
    sum(iif(is_held, line.value ->> '$.quantity', 0)) AS held
  FROM (
    SELECT document,
      state = 'paid' OR document ->> '$.stock' = 'committed' OR (state = 'refunded' AND document ->> '$.stock' <> 'released') AS is_sold,
      state IN ('pending', 'paying') AND document ->> '$.stock' <> 'committed' AS is_held
    FROM orders WHERE sale = ?
  ) AS booked, json_each(booked.document, '$.lines') AS line
  GROUP BY 1`;

export async function unitsOf(db: D1Database, sale: SaleId): Promise<Map<SkuId, Units>> {
  const { results } = await db.prepare(UNITS).bind(sale).all<Units & { sku: SkuId }>();
  return new Map(results.map(({ sku, held, sold }) => [sku, { held, sold }]));
}
