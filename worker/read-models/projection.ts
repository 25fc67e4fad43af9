import type { OrderId } from "../../schema/ids.ts";
import type { Order } from "../../schema/order.ts";

/** An order as it is now, and who says so: see `orders.rank`. */
export interface Projected {
  readonly order: Order;
  readonly rank: 0 | 1;
}

/** Characters of one statement's rows: D1 takes a parameter of 2 MB, and a character is up to 3 bytes. */
const ROWS_CHARS_MAX = 500_000;

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
  INSERT INTO payments (id, order_id, provider, account, provider_ref, state, amount_minor, currency, created_at, version)
  SELECT payment.value->>'$.id', change.value->>'$.order.order', payment.value->>'$.provider',
         payment.value->>'$.account', payment.value->>'$.providerRef', payment.value->>'$.state',
         payment.value->>'$.amount.amount', payment.value->>'$.amount.currency', payment.value->>'$.createdAt', change.value->>'$.order.version'
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
  const newest = newestOf(changes);
  // In a rush most orders have neither yet: what D1 is not sent it need not read.
  const statements = [
    ...statementsOf(db, UPSERT_ORDERS, newest),
    ...statementsOf(
      db,
      UPSERT_PAYMENTS,
      newest.filter(({ order }) => order.payments.length > 0),
    ),
    ...statementsOf(
      db,
      UPSERT_REFUNDS,
      newest.filter(({ order }) => order.refunds.length > 0),
    ),
  ];
  if (statements.length > 0) await db.batch(statements);
}

const statementsOf = (db: D1Database, sql: string, changes: readonly Projected[]): D1PreparedStatement[] =>
  chunksOf(changes).map((rows) => db.prepare(sql).bind(rows));

/** What is already outdated within a batch is not written at all. */
function newestOf(changes: readonly Projected[]): Projected[] {
  const newest = new Map<OrderId, Projected>();
  for (const change of changes) {
    const known = newest.get(change.order.order);
    if (!known || isNewer(change, known)) newest.set(change.order.order, change);
  }
  return [...newest.values()];
}

const isNewer = (a: Projected, b: Projected): boolean =>
  a.order.version > b.order.version || (a.order.version === b.order.version && a.rank > b.rank);

/** JSON arrays that each fit a parameter. */
function chunksOf(changes: readonly Projected[]): string[] {
  const chunks: string[] = [];
  let rows: string[] = [];
  let chars = 0;
  for (const change of changes) {
    const row = JSON.stringify(change);
    if (rows.length > 0 && chars + row.length > ROWS_CHARS_MAX) {
      chunks.push(`[${rows.join(",")}]`);
      rows = [];
      chars = 0;
    }
    rows.push(row);
    chars += row.length;
  }
  if (rows.length > 0) chunks.push(`[${rows.join(",")}]`);
  return chunks;
}
