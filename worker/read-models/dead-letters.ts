import { and, desc, eq, isNull } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { deadLetters } from "../../schema/tables/tables.ts";

const LETTERS_MAX = 500;

export type DeadLetter = typeof deadLetters.$inferSelect;

/** A letter that was written down before is the same letter. */
export async function keepDeadLetters(
  db: D1Database,
  letters: readonly Omit<DeadLetter, "replayedAt" | "replayedBy">[],
): Promise<void> {
  const d1 = drizzle(db);
  const [first, ...rest] = letters.map((letter) =>
    d1.insert(deadLetters).values(letter).onConflictDoNothing(),
  );
  if (first) await d1.batch([first, ...rest]);
}

/** The newest first. */
export const listDeadLetters = (db: D1Database): Promise<DeadLetter[]> =>
  drizzle(db).select().from(deadLetters).orderBy(desc(deadLetters.failedAt)).limit(LETTERS_MAX);

export async function findDeadLetter(db: D1Database, id: string): Promise<DeadLetter | null> {
  const [letter] = await drizzle(db).select().from(deadLetters).where(eq(deadLetters.id, id)).limit(1);
  return letter ?? null;
}

export async function markReplayed(db: D1Database, id: string, by: string, now: number): Promise<void> {
  // Of two people who replay it at once, the first is remembered.
  const waiting = and(eq(deadLetters.id, id), isNull(deadLetters.replayedAt));
  await drizzle(db).update(deadLetters).set({ replayedAt: now, replayedBy: by }).where(waiting);
}
