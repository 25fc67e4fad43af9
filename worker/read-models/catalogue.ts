import { desc } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Sale } from "../../schema/sale.ts";
import { sales } from "../../schema/tables/tables.ts";

/** Sales of one list: a merchant has a handful, and older ones are over. */
const SALES_MAX = 200;

export async function saveSale(db: D1Database, sale: Sale): Promise<void> {
  const facts = { opensAt: sale.opensAt, closesAt: sale.closesAt, document: JSON.stringify(sale) };
  await drizzle(db)
    .insert(sales)
    .values({ id: sale.id, ...facts })
    .onConflictDoUpdate({ target: sales.id, set: facts });
}

/** The newest opening first. */
export async function listSales(db: D1Database): Promise<Sale[]> {
  const rows = await drizzle(db)
    .select({ document: sales.document })
    .from(sales)
    .orderBy(desc(sales.opensAt))
    .limit(SALES_MAX);
  return rows.map(({ document }) => JSON.parse(document) as Sale);
}
