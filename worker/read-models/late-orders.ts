import { and, asc, count, eq, inArray, lt, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { OrderId } from "../../schema/ids.ts";
import { orders, refunds } from "../../schema/tables/tables.ts";

/** An order whose time to pay ended longer ago than this should be heard of: the slowest question comes every five minutes. */
const LATE_MS = 15 * 60_000;

const late = (now: number) =>
  and(
    inArray(orders.state, ["pending", "paying"]),
    lt(sql<number>`${orders.document} ->> '$.payBy'`, now - LATE_MS),
  );

/** Orders that should have ended, the longest unchanged first. */
export async function lateOrders(db: D1Database, now: number, max: number): Promise<OrderId[]> {
  const rows = await drizzle(db)
    .select({ id: orders.id })
    .from(orders)
    .where(late(now))
    .orderBy(asc(orders.updatedAt))
    .limit(max);
  return rows.map(({ id }) => id as OrderId);
}

/**
 * Orders whose refund has been on its way for long. Banks take days, so that there may be many with nothing forgotten: whichever,
 * so that each has its turn.
 */
export async function lateRefunds(db: D1Database, now: number, max: number): Promise<OrderId[]> {
  const rows = await drizzle(db)
    .selectDistinct({ id: refunds.orderId })
    .from(refunds)
    .where(and(eq(refunds.state, "pending"), lt(refunds.createdAt, now - LATE_MS)))
    .orderBy(sql`random()`)
    .limit(max);
  return rows.map(({ id }) => id as OrderId);
}

export async function countLate(db: D1Database, now: number): Promise<number> {
  const [row] = await drizzle(db).select({ count: count() }).from(orders).where(late(now));
  return row?.count ?? 0;
}
