import type { Sale } from "../../schema/sale.ts";

/** The sale a gate shows: one row. Asking for a sale that nobody configured leaves no trace on disk. */
export class GateStore {
  readonly #sql: SqlStorage;
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  load(): Sale | null {
    const table = this.#sql
      .exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'sale'")
      .toArray();
    if (table.length === 0) return null;
    const [row] = this.#sql.exec<{ body: string }>("SELECT body FROM sale WHERE only_row = 1").toArray();
    return row ? (JSON.parse(row.body) as Sale) : null;
  }

  save(sale: Sale): void {
    this.#storage.transactionSync(() => {
      this.#sql.exec(
        "CREATE TABLE IF NOT EXISTS sale (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), body TEXT NOT NULL)",
      );
      this.#sql.exec("INSERT OR REPLACE INTO sale (only_row, body) VALUES (1, ?)", JSON.stringify(sale));
    });
  }
}
