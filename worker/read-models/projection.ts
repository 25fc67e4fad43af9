import type { Order } from "../../schema/order.ts";

/** An order as it is now, and who says so: see `orders.rank`. */
export interface Projected {
  readonly order: Order;
  readonly rank: 0 | 1;
}

/** Rows of one statement: D1 takes a parameter of 2 MB, and a large order is under 20 kB. */
const ROWS_MAX = 80;

const UPSERT_ORDERS = `
  INSERT INTO orders (id, sale, buyer, state, amount_minor, currency, created_at, updated_at, version, rank, document)
  SELECT value->>'$.order.order', value->>'$.order.sale', value->>'$.order.buyer', value->>'$.order.state',
         value->>'$.order.amount.amount', value->>'$.order.amount.currency', value->>'$.order.createdAt',
         value->>'$.order.updatedAt', value->>'$.order.version', value->>'$.rank', value->'$.order'
  FROM json_each(?) WHERE true
  ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, updated_at = excluded.updated_at, version = excluded.version, rank = excluded.rank,
    document = excluded.document
  WHERE excluded.version > orders.version OR (excluded.version = orders.version AND excluded.rank > orders.rank)`;

const UPSERT_PAYMENTS = `
  INSERT INTO payments (id, order_id, provider, provider_ref, state, amount_minor, currency, created_at, version)
  SELECT payment.value->>'$.id', change.value->>'$.order.order', payment.value->>'$.provider',
         payment.value->>'$.providerRef', payment.value->>'$.state', payment.value->>'$.amount.amount',
         payment.value->>'$.amount.currency', payment.value->>'$.createdAt', change.value->>'$.order.version'
  FROM json_each(?) AS change, json_each(change.value, '$.order.payments') AS payment WHERE true
  ON CONFLICT (id) DO UPDATE SET
    provider_ref = excluded.provider_ref, state = excluded.state, version = excluded.version
  WHERE excluded.version > payments.version`;

const UPSERT_REFUNDS = `
  INSERT INTO refunds (id, order_id, payment_id, state, amount_minor, currency, reason, created_at, version)
  SELECT refund.value->>'$.id', change.value->>'$.order.order', refund.value->>'$.payment', refund.value->>'$.state',
         refund.value->>'$.amount.amount', refund.value->>'$.amount.currency', refund.value->>'$.reason',
         refund.value->>'$.createdAt', change.value->>'$.order.version'
  FROM json_each(?) AS change, json_each(change.value, '$.order.refunds') AS refund WHERE true
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, version = excluded.version
  WHERE excluded.version > refunds.version`;

/** Writes orders, payments and refunds as they are now, all of them or none. Safe to repeat, in any order. */
export async function project(db: D1Database, changes: readonly Projected[]): Promise<void> {
  const statements: D1PreparedStatement[] = [];
  for (let from = 0; from < changes.length; from += ROWS_MAX) {
    const rows = JSON.stringify(changes.slice(from, from + ROWS_MAX));
    for (const sql of [UPSERT_ORDERS, UPSERT_PAYMENTS, UPSERT_REFUNDS]) statements.push(db.prepare(sql).bind(rows));
  }
  await db.batch(statements);
}
