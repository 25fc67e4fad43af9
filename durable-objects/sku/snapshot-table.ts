import type { SnapshotPiece } from "./snapshots.ts";

/** Chunks of a snapshot that nobody needs any more, of which one commit deletes so many: about a megabyte. */
const SWEEP_CHUNKS = 4;

const INSERT = "INSERT INTO snapshot (seq, body) VALUES (?, ?)";

/**
 * Snapshots on disk, piece by piece. Only one that is whole counts, and `meta` says which; a piece of any other is rubbish, left by
 * an object that ended while it was making one, or by a newer snapshot.
 */
export class SnapshotTable {
  readonly #sql: SqlStorage;
  /** The journal row that the snapshot in force is of; 0 without one. */
  #seq = 0;
  #hasRubbish = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get hasRubbish(): boolean {
    return this.#hasRubbish;
  }

  /** The chunks of the snapshot in force. */
  *load(seq: number): Generator<string> {
    this.#seq = seq;
    this.#hasRubbish =
      this.#sql.exec("SELECT 1 FROM snapshot WHERE seq <> ? LIMIT 1", seq).toArray().length > 0;
    const rows = this.#sql.exec<{ body: string }>(
      "SELECT body FROM snapshot WHERE seq = ? ORDER BY chunk",
      seq,
    );
    for (const { body } of rows) yield body;
  }

  add({ seq, texts, isWhole }: SnapshotPiece): void {
    for (const text of texts) this.#sql.exec(INSERT, seq, text);
    if (!isWhole) return;
    this.#sql.exec("UPDATE meta SET snapshot = ? WHERE only_row = 1", seq);
    this.#hasRubbish = this.#seq > 0;
    this.#seq = seq;
  }

  /** Deletes some of what does not count. Not while a snapshot is being made: its pieces do not count yet. */
  sweep(): void {
    this.#sql.exec(
      "DELETE FROM snapshot WHERE chunk IN (SELECT chunk FROM snapshot WHERE seq <> ? LIMIT ?)",
      this.#seq,
      SWEEP_CHUNKS,
    );
    const left = this.#sql.exec("SELECT 1 FROM snapshot WHERE seq <> ? LIMIT 1", this.#seq).toArray();
    this.#hasRubbish = left.length > 0;
  }
}
