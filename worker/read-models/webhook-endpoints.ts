import { asc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { webhookEndpoints } from "../../schema/tables/tables.ts";

/** Endpoints of one deployment. Every change of an order is told to each. */
export const ENDPOINTS_MAX = 20;

/** Their ids, the oldest first. What an endpoint is, its own actor knows. */
export async function listEndpoints(db: D1Database): Promise<string[]> {
  const rows = await drizzle(db)
    .select({ id: webhookEndpoints.id })
    .from(webhookEndpoints)
    .orderBy(asc(webhookEndpoints.createdAt), asc(webhookEndpoints.id))
    .limit(ENDPOINTS_MAX);
  return rows.map(({ id }) => id);
}

/** False when there are as many as there may be: counted as it is added, since others may be adding too. */
export async function addEndpoint(db: D1Database, id: string, by: string, now: number): Promise<boolean> {
  const added = await db
    .prepare(
      `INSERT INTO webhook_endpoints (id, created_at, created_by)
       SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM webhook_endpoints) < ?4`,
    )
    .bind(id, now, by, ENDPOINTS_MAX)
    .run();
  return added.meta.changes > 0;
}

export async function removeEndpoint(db: D1Database, id: string): Promise<void> {
  await drizzle(db).delete(webhookEndpoints).where(eq(webhookEndpoints.id, id));
}
