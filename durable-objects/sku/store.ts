import { assert } from "../../schema/result.ts";
import { chained, NO_HASH } from "../chain.ts";
import { assertCounted } from "./conservation.ts";
import type { Chunk, ReadChunk } from "./archive.ts";
import { replay, type Happened } from "./evolve.ts";
import { eventsOf, type Body, type Row } from "./journal-text.ts";
import { advance } from "./leaving.ts";
import { thaw } from "./snapshot.ts";
import { SnapshotTable } from "./snapshot-table.ts";
import type { SnapshotPiece } from "./snapshots.ts";
import { emptyState, type SkuState } from "./state.ts";

/** How the tables are written. 1 kept everything finished in memory and said no format; 2 wrote a snapshot in one go. */
const FORMAT = 3;

const TABLES = `
  CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS snapshot (chunk INTEGER PRIMARY KEY, seq INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS finished (
    chunk INTEGER PRIMARY KEY, seq INTEGER NOT NULL, facts INTEGER NOT NULL, hashes BLOB NOT NULL, body TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    format INTEGER NOT NULL, published INTEGER NOT NULL, snapshot INTEGER NOT NULL
  );
  INSERT OR IGNORE INTO meta (only_row, format, published, snapshot) VALUES (1, ${FORMAT}, 0, 0);
`;

/** Characters of the journal in one answer; an answer of a call may be 32 MiB. */
const ANSWER_CHARS_MAX = 1_000_000;

const INSERT_ROW = "INSERT INTO journal (seq, at, prev, hash, body) VALUES (?, ?, ?, ?, ?)";
const INSERT_CHUNK = "INSERT INTO finished (chunk, seq, facts, hashes, body) VALUES (?, ?, ?, ?, ?)";

type ChunkRow = { seq: number; facts: number; hashes: ArrayBuffer };
/** What a row tells, without its chain. */
type Told = { seq: number; at: number; body: string };
type JournalRow = Told & { prev: string; hash: string };

export interface Loaded {
  readonly state: SkuState;
  /** Events after the last snapshot. */
  readonly sinceSnapshot: number;
  /** The last row that D1 is known to have. */
  readonly published: number;
}

export interface Commit {
  readonly at: number;
  readonly bodies: readonly Body[];
  /** What has left memory at the end of this commit. */
  readonly archived: readonly Chunk[];
  readonly published: number;
  /** A piece of the snapshot that is being made. */
  readonly piece: SnapshotPiece | null;
}

/**
 * The journal of one SKU: every commit is rows of events, each row chained to the one before by its hash. Rows are never
 * deleted. A snapshot spares start-up the rows before it. Nothing exists on disk before the first commit.
 */
export class SkuStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #exists: boolean;
  #seq = 0;
  #hash = NO_HASH;
  #published = 0;
  #chunks = 0;
  readonly #snapshots: SnapshotTable;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#snapshots = new SnapshotTable(storage.sql);
    this.#exists = this.#hasTables();
  }

  #hasTables(): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'journal'").toArray().length > 0;
  }

  /** The number of the last row this instance wrote or read. */
  get seq(): number {
    return this.#seq;
  }

  /** Whether pieces of snapshots that do not count are left: none is begun before they have been swept. */
  get hasRubbish(): boolean {
    return this.#snapshots.hasRubbish;
  }

  /** Whether the journal ends where this instance believes it does: an instance that was replaced must not answer. */
  isCurrent(): boolean {
    if (!this.#exists) return !this.#hasTables();
    const [row] = this.#sql.exec<{ seq: number | null }>("SELECT MAX(seq) AS seq FROM journal").toArray();
    return row?.seq === this.#seq;
  }

  /** Rows as they are on disk, after this one: at least one where there is one, and no more than one answer takes. */
  rowsAfter(after: number): JournalRow[] {
    if (!this.#exists) return [];
    const rows: JournalRow[] = [];
    let chars = 0;
    const all = this.#sql.exec<JournalRow>(
      "SELECT seq, at, prev, hash, body FROM journal WHERE seq > ? ORDER BY seq",
      after,
    );
    for (const row of all) {
      chars += row.body.length;
      if (rows.length > 0 && chars > ANSWER_CHARS_MAX) break;
      rows.push(row);
    }
    return rows;
  }

  load(): Loaded {
    if (!this.#exists) return { state: emptyState(this.#readChunk), sinceSnapshot: 0, published: 0 };
    const state = this.#loadSnapshot(this.#loadMeta());
    let sinceSnapshot = 0;
    for (const commit of this.#commits(state.archive.chunks)) {
      replay(state, [commit]);
      sinceSnapshot += commit.events.length;
    }
    this.#chunks = state.archive.chunks;
    assertCounted(state);
    return { state, sinceSnapshot, published: this.#published };
  }

  /** What was written by a version before or after this one is not guessed at. Answers with the row of the snapshot in force. */
  #loadMeta(): number {
    const [meta] = this.#sql
      .exec<{ format?: number; published: number; snapshot?: number }>(
        "SELECT * FROM meta WHERE only_row = 1",
      )
      .toArray();
    const format = meta?.format ?? 1;
    if (format !== FORMAT)
      throw new Error(`this SKU was written in format ${format}, and this version reads ${FORMAT} only`);
    this.#published = meta?.published ?? 0;
    return meta?.snapshot ?? 0;
  }

  readonly #readChunk: ReadChunk = (chunk) => {
    const [row] = this.#sql
      .exec<{ body: string }>("SELECT body FROM finished WHERE chunk = ?", chunk)
      .toArray();
    if (!row) throw new Error(`the chunk ${chunk} of what is finished is missing`);
    return row.body;
  };

  *#hashesOf(chunks: number): Generator<Uint32Array> {
    for (const { hashes } of this.#chunkRows(0, chunks)) yield new Uint32Array(hashes);
  }

  /** Where everything is in the chunks from one to before another. */
  *#chunkRows(from: number, to: number): Generator<ChunkRow> {
    yield* this.#sql.exec<ChunkRow>(
      "SELECT seq, facts, hashes FROM finished WHERE chunk >= ? AND chunk < ? ORDER BY chunk",
      from,
      to,
    );
  }

  #loadSnapshot(seq: number): SkuState {
    const texts = this.#snapshots.load(seq);
    const state = thaw(texts, (upTo) => this.#hashesOf(upTo), this.#readChunk);
    if (seq === 0) return state;
    const [row] = this.#sql
      .exec<JournalRow>("SELECT seq, at, prev, hash, body FROM journal WHERE seq = ?", seq)
      .toArray();
    assert(row !== undefined, `the snapshot of row ${seq} has its row`);
    this.#verify(row, row.prev);
    advance(state, row.at);
    return state;
  }

  /** Rows after the snapshot, each checked against the one before, with what left memory after each. */
  *#commits(chunks: number): Generator<Happened> {
    const left = this.#chunkRows(chunks, Number.MAX_SAFE_INTEGER);
    let next = left.next();
    const rows = this.#sql.exec<JournalRow>(
      "SELECT seq, at, prev, hash, body FROM journal WHERE seq > ? ORDER BY seq",
      this.#seq,
    );
    for (const row of rows) {
      assert(row.seq === this.#seq + 1, `journal row ${row.seq} follows row ${this.#seq}`);
      this.#verify(row, this.#hash);
      const archived: NonNullable<Happened["archived"]>[number][] = [];
      for (; !next.done && next.value.seq === row.seq; next = left.next())
        archived.push({ facts: next.value.facts, hashes: new Uint32Array(next.value.hashes) });
      yield { at: row.at, events: eventsOf(row.body), archived };
    }
  }

  #verify(row: JournalRow, prev: string): void {
    const hash = chained(prev, row.seq, row.at, row.body);
    assert(row.prev === prev && row.hash === hash, `hash chain of the journal holds at row ${row.seq}`);
    this.#seq = row.seq;
    this.#hash = hash;
  }

  /** Writes everything of a commit or nothing. Answers with the new rows. */
  write({ at, bodies, archived, published, piece }: Commit): Row[] {
    const rows: Row[] = [];
    const sweeps = !piece && this.hasRubbish;
    const adds = piece !== null && (piece.isWhole || piece.texts.length > 0);
    if (bodies.length === 0 && published <= this.#published && !adds && !sweeps) return rows;
    this.#storage.transactionSync(() => {
      if (!this.#exists) this.#sql.exec(TABLES);
      this.#exists = true;
      for (const { json, ...row } of bodies) {
        const seq = this.#seq + 1;
        const prev = this.#hash;
        const hash = chained(prev, seq, at, json);
        this.#sql.exec(INSERT_ROW, seq, at, prev, hash, json);
        this.#seq = seq;
        this.#hash = hash;
        rows.push({ seq, at, ...row });
      }
      for (const { facts, hashes, body } of archived)
        this.#sql.exec(INSERT_CHUNK, this.#chunks++, this.#seq, facts, hashes.buffer, body);
      if (piece) this.#snapshots.add(piece);
      else if (sweeps) this.#snapshots.sweep();
      if (published > this.#published) {
        this.#sql.exec("UPDATE meta SET published = ? WHERE only_row = 1", published);
        this.#published = published;
      }
    });
    return rows;
  }

  /** Rows written earlier: no more than so many, and after the first no more than so many characters. */
  read(after: number, through: number, limit: number, chars: number): Told[] {
    const rows: Told[] = [];
    let read = 0;
    const all = this.#sql.exec<Told>(
      "SELECT seq, at, body FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
      after,
      through,
      limit,
    );
    for (const row of all) {
      read += row.body.length;
      if (rows.length > 0 && read > chars) break;
      rows.push(row);
    }
    return rows;
  }
}
