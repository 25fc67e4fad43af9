import { createHash } from "node:crypto";
import { and, desc, eq, isNull } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { StaffRole } from "../../schema/staff.ts";
import { staffKeys } from "../../schema/tables/tables.ts";
import type { StaffMember } from "../app-env.ts";

const KEYS_MAX = 500;
/** 256 bits: nobody guesses a key, so its hash needs no salt and no stretching. */
const KEY_BYTES = 32;

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

/** Makes a key and keeps its hash. `key` is in this answer and nowhere else. */
export async function createStaffKey(
  db: D1Database,
  { name, role, createdBy, now }: { name: string; role: StaffRole; createdBy: string; now: number },
): Promise<{ id: string; key: string }> {
  const key = `dbk_${role}_${base64url(crypto.getRandomValues(new Uint8Array(KEY_BYTES)))}`;
  const hash = createHash("sha256").update(key).digest("hex");
  const id = `stf_${hash.slice(0, 16)}`;
  await drizzle(db).insert(staffKeys).values({ id, name, role, hash, createdAt: now, createdBy });
  return { id, key };
}

export async function findStaffKey(db: D1Database, hash: string): Promise<StaffMember | null> {
  const [row] = await drizzle(db)
    .select({ id: staffKeys.id, role: staffKeys.role })
    .from(staffKeys)
    .where(and(eq(staffKeys.hash, hash), isNull(staffKeys.revokedAt)))
    .limit(1);
  return row ? { id: row.id, role: row.role as StaffRole } : null;
}

export const listStaffKeys = (db: D1Database) =>
  drizzle(db).select().from(staffKeys).orderBy(desc(staffKeys.createdAt)).limit(KEYS_MAX);

/** False when there is no such key. Revoking twice is revoking once. */
export async function revokeStaffKey(db: D1Database, id: string, now: number): Promise<boolean> {
  const d1 = drizzle(db);
  await d1
    .update(staffKeys)
    .set({ revokedAt: now })
    .where(and(eq(staffKeys.id, id), isNull(staffKeys.revokedAt)));
  const [row] = await d1.select({ id: staffKeys.id }).from(staffKeys).where(eq(staffKeys.id, id)).limit(1);
  return row !== undefined;
}
