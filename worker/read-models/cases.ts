import { and, desc, eq, isNotNull, isNull } from "drizzle-orm";
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

export type KnownCase = typeof cases.$inferSelect;
export type CaseState = "open" | "resolved";

const isOpen = isNull(cases.resolvedAt);

/** Open ones by when they were opened, resolved ones by when they were resolved: the newest first. */
export function listCases(db: D1Database, state: CaseState = "open"): Promise<KnownCase[]> {
  const newest = [desc(cases.resolvedAt), desc(cases.openedAt), desc(cases.id)];
  return drizzle(db)
    .select()
    .from(cases)
    .where(state === "open" ? isOpen : isNotNull(cases.resolvedAt))
    .orderBy(...newest)
    .limit(CASES_MAX);
}

export async function findCase(db: D1Database, id: string): Promise<KnownCase | null> {
  const [found] = await drizzle(db).select().from(cases).where(eq(cases.id, id)).limit(1);
  return found ?? null;
}

/** Gives an open case to somebody. A resolved one keeps whoever had it. */
export async function assignCase(db: D1Database, id: string, owner: string): Promise<void> {
  const open = and(eq(cases.id, id), isOpen);
  await drizzle(db).update(cases).set({ owner }).where(open);
}

/** Of two people who resolve a case at once, the first is remembered. */
export async function resolveCase(
  db: D1Database,
  id: string,
  { by, resolution, now }: { by: string; resolution: string; now: number },
): Promise<void> {
  const open = and(eq(cases.id, id), isOpen);
  await drizzle(db).update(cases).set({ resolvedAt: now, resolvedBy: by, resolution }).where(open);
}
