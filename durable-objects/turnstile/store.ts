/** Where the line ends: one row. */
export class TurnstileStore {
  readonly #sql: SqlStorage;

  constructor({ sql }: DurableObjectStorage) {
    this.#sql = sql;
  }

  load(): number {
    const table = this.#sql
      .exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'line'")
      .toArray();
    if (table.length === 0) return 0;
    const [row] = this.#sql
      .exec<{ next_at: number }>("SELECT next_at FROM line WHERE only_row = 1")
      .toArray();
    return row?.next_at ?? 0;
  }

  save(nextAt: number): void {
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS line (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), next_at REAL NOT NULL)",
    );
    this.#sql.exec("INSERT OR REPLACE INTO line (only_row, next_at) VALUES (1, ?)", nextAt);
  }
}
