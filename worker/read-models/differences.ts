import { asc, count, min } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { auditor, differences } from "../../schema/tables/tables.ts";

const ONLY_ROW = 1;

export type Difference = typeof differences.$inferSelect;
export type Auditor = Omit<typeof auditor.$inferSelect, "id">;

/** Before its first round. */
const NOTHING_YET: Auditor = { ranAt: 0, compared: 0, different: 0, orderCursor: "", saleCursor: "" };

export async function readAuditor(db: D1Database): Promise<Auditor> {
  const [row] = await drizzle(db).select().from(auditor).limit(1);
  return row ?? NOTHING_YET;
}

export async function keepAuditor(db: D1Database, facts: Auditor): Promise<void> {
  await drizzle(db)
    .insert(auditor)
    .values({ id: ONLY_ROW, ...facts })
    .onConflictDoUpdate({ target: auditor.id, set: facts });
}

/** The oldest first. */
export function listDifferences(db: D1Database, max: number): Promise<Difference[]> {
  return drizzle(db).select().from(differences).orderBy(asc(differences.since)).limit(max);
}

export async function openDifferences(db: D1Database): Promise<{ count: number; since: number | null }> {
  const [row] = await drizzle(db)
    .select({ count: count(), since: min(differences.since) })
    .from(differences);
  return row ?? { count: 0, since: null };
}

const HEAL =
  "DELETE FROM differences WHERE id IN (SELECT value FROM json_each(?)) RETURNING id, detail, since, seen_at AS seenAt";
const KEEP = `
  INSERT INTO differences (id, detail, since, seen_at)
  SELECT value ->> '$.id', value ->> '$.detail', value ->> '$.since', value ->> '$.seenAt' FROM json_each(?) WHERE true
  ON CONFLICT (id) DO UPDATE SET detail = excluded.detail, seen_at = excluded.seen_at`;

/** What a round found: who agrees, and who does not. Answers with the differences that have healed. */
export async function keepFindings(
  db: D1Database,
  agreeing: readonly string[],
  different: readonly Difference[],
): Promise<Difference[]> {
  const [healed] = await db.batch<Difference>([
    db.prepare(HEAL).bind(JSON.stringify(agreeing)),
    db.prepare(KEEP).bind(JSON.stringify(different)),
  ]);
  return healed?.results ?? [];
}
