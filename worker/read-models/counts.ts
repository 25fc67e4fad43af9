import { count, isNull } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { cases, deadLetters, orders } from "../../schema/tables/tables.ts";

/** What D1 knows in numbers, for `/metrics`. */
export async function countsOf(db: D1Database) {
  const d1 = drizzle(db);
  const [byState, byKind, letters] = await d1.batch([
    d1.select({ state: orders.state, count: count() }).from(orders).groupBy(orders.state),
    d1
      .select({ kind: cases.kind, count: count() })
      .from(cases)
      .where(isNull(cases.resolvedAt))
      .groupBy(cases.kind),
    d1.select({ count: count() }).from(deadLetters).where(isNull(deadLetters.replayedAt)),
  ]);
  return { orders: byState, cases: byKind, deadLetters: letters[0]?.count ?? 0 };
}
