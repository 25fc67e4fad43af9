import { desc } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { audit } from "../../schema/tables/tables.ts";

const ENTRIES_MAX = 500;

export interface AuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly role: string;
  readonly action: string;
  readonly target: string;
  readonly reason: string | null;
  readonly requestId: string;
  readonly detail: unknown;
}

export async function recordAudit(db: D1Database, entry: AuditEntry): Promise<void> {
  await drizzle(db)
    .insert(audit)
    .values({ ...entry, detail: JSON.stringify(entry.detail) });
}

/** The newest first. */
export async function listAudit(db: D1Database) {
  const rows = await drizzle(db).select().from(audit).orderBy(desc(audit.id)).limit(ENTRIES_MAX);
  return rows.map((row) => Object.assign(row, { detail: JSON.parse(row.detail) as unknown }));
}
