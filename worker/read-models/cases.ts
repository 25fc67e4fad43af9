import { desc } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Case } from "../../schema/order.ts";
import { cases } from "../../schema/tables/tables.ts";

const CASES_MAX = 500;

/** Opening a case that is open is nothing new. */
export async function openCase(
  db: D1Database,
  { id, kind, order, payment, detail, openedAt }: Case,
): Promise<void> {
  await drizzle(db)
    .insert(cases)
    .values({ id, kind, orderId: order, paymentId: payment, detail, openedAt })
    .onConflictDoNothing();
}

/** The newest first. */
export async function listCases(db: D1Database) {
  const { id, kind, orderId: order, paymentId: payment, detail, openedAt } = cases;
  const columns = { id, kind, detail, openedAt, order, payment };
  return drizzle(db).select(columns).from(cases).orderBy(desc(openedAt), desc(id)).limit(CASES_MAX);
}
