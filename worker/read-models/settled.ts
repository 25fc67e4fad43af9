/** What D1 knows of a payment or refund that a bill may speak of. */
export interface Settled {
  readonly id: string;
  readonly order: string;
  readonly state: string;
  readonly amountMinor: number;
}

const BY_IDS = {
  payment:
    "SELECT id, order_id AS 'order', state, amount_minor AS amountMinor FROM payments WHERE id IN (SELECT value FROM json_each(?))",
  refund:
    "SELECT id, order_id AS 'order', state, amount_minor AS amountMinor FROM refunds WHERE id IN (SELECT value FROM json_each(?))",
};
/** Ids of one question. */
const IDS_MAX = 5_000;

export async function settledByIds(
  db: D1Database,
  kind: "payment" | "refund",
  ids: readonly string[],
): Promise<Map<string, Settled>> {
  const found = new Map<string, Settled>();
  for (let from = 0; from < ids.length; from += IDS_MAX) {
    const some = JSON.stringify(ids.slice(from, from + IDS_MAX));
    const { results } = await db.prepare(BY_IDS[kind]).bind(some).all<Settled>();
    for (const one of results) found.set(one.id, one);
  }
  return found;
}

/** Payments of one account that were started, and have succeeded, within a time. */
export async function succeededWithin(
  db: D1Database,
  { provider, account, from, until }: { provider: string; account: string; from: number; until: number },
  max: number,
): Promise<Settled[]> {
  const { results } = await db
    .prepare(
      `SELECT id, order_id AS 'order', state, amount_minor AS amountMinor FROM payments
       WHERE provider = ? AND account = ? AND state = 'succeeded' AND created_at >= ? AND created_at < ? LIMIT ?`,
    )
    .bind(provider, account, from, until, max)
    .all<Settled>();
  return results;
}
