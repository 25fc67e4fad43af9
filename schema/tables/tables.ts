import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** D1: what is listed and looked up. It decides nothing, and a checkout works without it. Instants are epoch milliseconds. */

export const sales = sqliteTable("sales", {
  id: text("id").primaryKey(),
  opensAt: integer("opens_at").notNull(),
  closesAt: integer("closes_at").notNull(),
  /** The sale as merchants defined it, SKUs included, as JSON. */
  document: text("document").notNull(),
});

export const orders = sqliteTable(
  "orders",
  {
    id: text("id").primaryKey(),
    sale: text("sale").notNull(),
    buyer: text("buyer").notNull(),
    state: text("state").notNull(),
    amountMinor: integer("amount_minor").notNull(),
    currency: text("currency").notNull(),
    createdAt: integer("created_at").notNull(),
    /** When the order last changed, as its actor says. */
    updatedAt: integer("updated_at").notNull(),
    version: integer("version").notNull(),
    /** Of two equal versions the order's own actor (1) wins over its home SKU (0). */
    rank: integer("rank").notNull(),
    /** The whole order as JSON. */
    document: text("document").notNull(),
  },
  (table) => [
    index("orders_by_age").on(table.createdAt, table.id),
    index("orders_by_sale").on(table.sale, table.createdAt, table.id),
    index("orders_by_state").on(table.state, table.createdAt, table.id),
    index("orders_by_buyer").on(table.buyer, table.createdAt, table.id),
    index("orders_by_change").on(table.updatedAt),
  ],
);

export const payments = sqliteTable(
  "payments",
  {
    id: text("id").primaryKey(),
    orderId: text("order_id").notNull(),
    provider: text("provider").notNull(),
    providerRef: text("provider_ref"),
    state: text("state").notNull(),
    amountMinor: integer("amount_minor").notNull(),
    currency: text("currency").notNull(),
    createdAt: integer("created_at").notNull(),
    /** The order's version that this row is from. */
    version: integer("version").notNull(),
    /** The merchant's account at the provider. */
    account: text("account").notNull().default("main"),
  },
  (table) => [
    index("payments_by_provider_ref").on(table.providerRef),
    // What is open is little, and asked for at every scrape.
    index("payments_open")
      .on(table.provider, table.currency)
      .where(sql`state IN ('created', 'requires_action', 'authorized', 'unknown')`),
  ],
);

export const refunds = sqliteTable(
  "refunds",
  {
    id: text("id").primaryKey(),
    orderId: text("order_id").notNull(),
    paymentId: text("payment_id").notNull(),
    state: text("state").notNull(),
    amountMinor: integer("amount_minor").notNull(),
    currency: text("currency").notNull(),
    reason: text("reason").notNull(),
    createdAt: integer("created_at").notNull(),
    version: integer("version").notNull(),
  },
  (table) => [
    index("refunds_pending")
      .on(table.paymentId)
      .where(sql`state = 'pending'`),
  ],
);

export const cases = sqliteTable(
  "cases",
  {
    id: text("id").primaryKey(),
    kind: text("kind").notNull(),
    orderId: text("order_id"),
    paymentId: text("payment_id"),
    detail: text("detail").notNull(),
    openedAt: integer("opened_at").notNull(),
    /** Who of the staff looks after it. */
    owner: text("owner"),
    resolvedAt: integer("resolved_at"),
    resolvedBy: text("resolved_by"),
    /** What was done about it, in the words of whoever resolved it. */
    resolution: text("resolution"),
  },
  (table) => [index("cases_by_end_and_age").on(table.resolvedAt, table.openedAt, table.id)],
);

export const deadLetters = sqliteTable(
  "dead_letters",
  {
    id: text("id").primaryKey(),
    /** The queue whose consumer could not digest it. */
    queue: text("queue").notNull(),
    body: text("body").notNull(),
    failedAt: integer("failed_at").notNull(),
    replayedAt: integer("replayed_at"),
    replayedBy: text("replayed_by"),
  },
  (table) => [index("dead_letters_by_age").on(table.failedAt)],
);

export const staffKeys = sqliteTable("staff_keys", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  role: text("role").notNull(),
  /** SHA-256 of the key, hex. The key itself is shown once and kept nowhere. */
  hash: text("hash").notNull().unique(),
  createdAt: integer("created_at").notNull(),
  createdBy: text("created_by").notNull(),
  revokedAt: integer("revoked_at"),
});

/** Where merchants are told what happens; what an endpoint is, its own actor keeps. */
export const webhookEndpoints = sqliteTable("webhook_endpoints", {
  id: text("id").primaryKey(),
  createdAt: integer("created_at").notNull(),
  createdBy: text("created_by").notNull(),
});

export const audit = sqliteTable(
  "audit",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    at: integer("at").notNull(),
    actor: text("actor").notNull(),
    role: text("role").notNull(),
    action: text("action").notNull(),
    target: text("target").notNull(),
    reason: text("reason"),
    requestId: text("request_id").notNull(),
    detail: text("detail").notNull(),
  },
  (table) => [index("audit_by_age").on(table.at)],
);

/** Where D1 and an actor do not say the same: until they do again. */
export const differences = sqliteTable(
  "differences",
  {
    /** `order` or `sku`, and which one. */
    id: text("id").primaryKey(),
    detail: text("detail").notNull(),
    /** When it was first seen, and when last. */
    since: integer("since").notNull(),
    seenAt: integer("seen_at").notNull(),
  },
  (table) => [index("differences_by_age").on(table.since)],
);

/** The one row of the auditor: what its last round found, and where its next one goes on. */
export const auditor = sqliteTable("auditor", {
  id: integer("id").primaryKey(),
  ranAt: integer("ran_at").notNull(),
  compared: integer("compared").notNull(),
  different: integer("different").notNull(),
  orderCursor: text("order_cursor").notNull(),
  saleCursor: text("sale_cursor").notNull(),
});
