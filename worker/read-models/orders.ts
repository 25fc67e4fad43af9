import { and, desc, eq, lt, max, or, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { isOrderId, isPaymentId, isRefundId, orderOf } from "../../schema/ids.ts";
import type { Order, OrderState } from "../../schema/order.ts";
import { orders, payments } from "../../schema/tables/tables.ts";

export interface OrderQuery {
  readonly state: OrderState | null;
  readonly sale: string | null;
  readonly buyer: string | null;
  /** An id of an order, payment or refund, the provider's id of a payment, or a buyer. */
  readonly q: string | null;
  readonly cursor: string | null;
  readonly limit: number;
}

export interface OrderList {
  readonly orders: Order[];
  readonly nextCursor: string | null;
  /** The newest change of any order that D1 has heard of, epoch ms; null while it has heard of none. */
  readonly asOf: number | null;
}

/** Newest first. Null when the cursor is not one of ours. */
export async function listOrders(d1: D1Database, query: OrderQuery): Promise<OrderList | null> {
  const db = drizzle(d1);
  const filters: (SQL | undefined)[] = [];
  if (query.state) filters.push(eq(orders.state, query.state));
  if (query.sale) filters.push(eq(orders.sale, query.sale));
  if (query.buyer) filters.push(eq(orders.buyer, query.buyer));
  if (query.q) filters.push(await matching(d1, query.q));
  if (query.cursor) {
    const after = readCursor(query.cursor);
    if (!after) return null;
    const older = lt(orders.createdAt, after.createdAt);
    filters.push(or(older, and(eq(orders.createdAt, after.createdAt), lt(orders.id, after.id))));
  }
  const [rows, [newest]] = await Promise.all([
    db
      .select({ id: orders.id, createdAt: orders.createdAt, document: orders.document })
      .from(orders)
      .where(and(...filters))
      .orderBy(desc(orders.createdAt), desc(orders.id))
      .limit(query.limit + 1),
    db.select({ at: max(orders.updatedAt) }).from(orders),
  ]);
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return {
    orders: page.map(({ document }) => JSON.parse(document) as Order),
    nextCursor: rows.length > query.limit && last ? writeCursor(last) : null,
    asOf: newest?.at ?? null,
  };
}

/** Ids carry their order; only a provider's own id needs a look. */
async function matching(d1: D1Database, q: string): Promise<SQL | undefined> {
  if (isOrderId(q)) return eq(orders.id, q);
  if (isPaymentId(q) || isRefundId(q)) return eq(orders.id, orderOf(q));
  const [found] = await drizzle(d1)
    .select({ id: payments.orderId })
    .from(payments)
    .where(eq(payments.providerRef, q))
    .limit(1);
  return found ? eq(orders.id, found.id) : eq(orders.buyer, q);
}

interface Cursor {
  readonly createdAt: number;
  readonly id: string;
}

const writeCursor = ({ createdAt, id }: Cursor): string =>
  btoa(`${createdAt}.${id}`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const BASE64URL = /^[A-Za-z0-9_-]+$/;

function readCursor(text: string): Cursor | null {
  // One character over a multiple of four is no base 64 at all, and would throw.
  if (!BASE64URL.test(text) || text.length % 4 === 1) return null;
  const [at = "", id = ""] = atob(text.replaceAll("-", "+").replaceAll("_", "/")).split(".");
  const createdAt = Number(at);
  return Number.isSafeInteger(createdAt) && createdAt > 0 && isOrderId(id) ? { createdAt, id } : null;
}

export async function findOrder(d1: D1Database, id: string): Promise<Order | null> {
  const [row] = await drizzle(d1)
    .select({ document: orders.document })
    .from(orders)
    .where(eq(orders.id, id))
    .limit(1);
  return row ? (JSON.parse(row.document) as Order) : null;
}
