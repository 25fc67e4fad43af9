import type { OrderId } from "../../schema/ids.ts";
import type { Delivery, DeliveryState, Endpoint, WebhookEvent } from "../../schema/webhook.ts";

const DDL = `
  CREATE TABLE IF NOT EXISTS endpoint (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, order_id TEXT,
    version INTEGER NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL,
    tries INTEGER NOT NULL, due_at INTEGER, answer TEXT, answered_at INTEGER
  );
  CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
`;

type Row = Record<string, SqlStorageValue>;

/** One endpoint, what it is to be told, and what has become of that. */
export class WebhookStore {
  readonly #storage: DurableObjectStorage;
  #exists: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#exists =
      storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'endpoint'").toArray().length > 0;
  }

  endpoint(): Endpoint | null {
    const [row] = this.#rows("SELECT body FROM endpoint");
    return row ? (JSON.parse(String(row.body)) as Endpoint) : null;
  }

  configure(endpoint: Endpoint): void {
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec(DDL);
      this.#run("INSERT OR REPLACE INTO endpoint (only_row, body) VALUES (1, ?)", JSON.stringify(endpoint));
    });
    this.#exists = true;
  }

  forget(): void {
    if (this.#exists) this.#run("DELETE FROM endpoint");
  }

  /** What is known already is not told again. */
  add(events: readonly WebhookEvent[], now: number): void {
    this.#storage.transactionSync(() => {
      for (const { id, type, order, version, body } of events)
        this.#run(
          `INSERT OR IGNORE INTO deliveries (id, type, order_id, version, body, state, created_at, tries, due_at)
           VALUES (?, ?, ?, ?, ?, 'waiting', ?, 0, ?)`,
          ...[id, type, order, version, body, now, now],
        );
    });
  }

  waiting(): number {
    const [row] = this.#rows("SELECT count(*) AS n FROM deliveries WHERE state = 'waiting'");
    return Number(row?.n ?? 0);
  }

  /** What is due, the oldest first, and from now on counted as tried: a crash in between is a try too. */
  take(max: number, now: number, claimedUntil: number): { id: string; body: string; tries: number }[] {
    const rows = this.#rows(
      "SELECT id, body, tries FROM deliveries WHERE due_at <= ? ORDER BY due_at, seq LIMIT ?",
      ...[now, max],
    );
    for (const { id } of rows)
      this.#run("UPDATE deliveries SET tries = tries + 1, due_at = ? WHERE id = ?", claimedUntil, id ?? null);
    return rows.map(({ id, body, tries }) => ({
      id: String(id),
      body: String(body),
      tries: Number(tries) + 1,
    }));
  }

  settle(id: string, state: DeliveryState, dueAt: number | null, answer: string, now: number): void {
    this.#run(
      "UPDATE deliveries SET state = ?, due_at = ?, answer = ?, answered_at = ? WHERE id = ?",
      ...[state, dueAt, answer, now, id],
    );
  }

  /** False when there is no such delivery. */
  resend(id: string, now: number): boolean {
    const found = this.#rows("SELECT 1 FROM deliveries WHERE id = ?", id).length > 0;
    if (found)
      this.#run("UPDATE deliveries SET state = 'waiting', tries = 0, due_at = ? WHERE id = ?", now, id);
    return found;
  }

  /** Nothing of it is told any more. */
  giveUp(answer: string, now: number): void {
    if (!this.#exists) return;
    this.#run(
      "UPDATE deliveries SET state = 'failed', due_at = NULL, answer = ?, answered_at = ? WHERE state = 'waiting'",
      ...[answer, now],
    );
  }

  nextDueAt(): number | null {
    const [row] = this.#rows("SELECT min(due_at) AS at FROM deliveries");
    return row?.at === null || row?.at === undefined ? null : Number(row.at);
  }

  /** Forgets what ended before then. */
  prune(before: number): void {
    this.#run("DELETE FROM deliveries WHERE state <> 'waiting' AND answered_at < ?", before);
  }

  /** The newest first. @param below the `seq` of the last one seen. */
  list(max: number, below: number): { deliveries: Delivery[]; next: number | null } {
    const rows = this.#rows("SELECT * FROM deliveries WHERE seq < ? ORDER BY seq DESC LIMIT ?", below, max);
    const last = rows.at(-1);
    return { deliveries: rows.map(deliveryOf), next: rows.length === max && last ? Number(last.seq) : null };
  }

  #rows(sql: string, ...binds: SqlStorageValue[]): Row[] {
    return this.#exists ? this.#storage.sql.exec(sql, ...binds).toArray() : [];
  }

  #run(sql: string, ...binds: SqlStorageValue[]): void {
    this.#storage.sql.exec(sql, ...binds);
  }
}

const timeOf = (value: SqlStorageValue | undefined): number | null =>
  value === null || value === undefined ? null : Number(value);

const deliveryOf = (row: Row): Delivery => ({
  id: String(row.id),
  type: String(row.type) as Delivery["type"],
  order: row.order_id === null ? null : (String(row.order_id) as OrderId),
  version: Number(row.version),
  state: String(row.state) as DeliveryState,
  createdAt: Number(row.created_at),
  tries: Number(row.tries),
  dueAt: timeOf(row.due_at),
  answer: row.answer === null ? null : String(row.answer),
  answeredAt: timeOf(row.answered_at),
});
