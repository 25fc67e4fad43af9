import { assert } from "../../schema/result.ts";
import type { Case, HistoryLine, TimelineEntry } from "../../schema/order.ts";
import type { OrderId } from "../../schema/ids.ts";
import { chained, NO_HASH } from "../chain.ts";

export const HISTORY_DDL = `
  CREATE TABLE IF NOT EXISTS history (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, type TEXT NOT NULL, detail TEXT NOT NULL,
    prev TEXT NOT NULL, hash TEXT NOT NULL);
`;

/** Characters of a history in one answer; an answer of a call may be 32 MiB. */
const PAGE_CHARS_MAX = 1_000_000;

/** The end of a history: how many entries there are, and the hash of the last. The order keeps it beside its state. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

export const NO_HEAD: Head = { seq: 0, hash: NO_HASH };

type Unchained = Omit<HistoryLine, "seq" | "prev" | "hash">;

const hashOf = (prev: string, { seq, at, kind, type, detail }: Omit<HistoryLine, "prev" | "hash">): string =>
  chained(prev, seq, at, kind, type, detail);

/**
 * What happened to one order. Entries are only ever added, each chained to the one before by its hash. What is not worth an
 * entry is never written, and nothing that was written is ever taken out: the chain has no gaps to explain.
 */
export class History {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  append({ seq: last, hash: prev }: Head, { at, kind, type, detail }: Unchained): Head {
    const seq = last + 1;
    const hash = hashOf(prev, { seq, at, kind, type, detail });
    this.#sql.exec(
      "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?)",
      seq,
      at,
      kind,
      type,
      detail,
      prev,
      hash,
    );
    return { seq, hash };
  }

  /** All of it, every link checked from the first entry to the last, which must be the one that the order believes in. */
  read(head: Head): HistoryLine[] {
    let { seq, hash } = NO_HEAD;
    const lines: HistoryLine[] = [];
    for (const row of this.#sql.exec<Record<string, SqlStorageValue>>("SELECT * FROM history ORDER BY seq")) {
      const line = lineOf(row);
      const follows = line.seq === seq + 1 && line.prev === hash && line.hash === hashOf(hash, line);
      assert(follows, `the chain of the history holds at entry ${seq + 1}`);
      ({ seq, hash } = line);
      lines.push(line);
    }
    assert(seq === head.seq && hash === head.hash, `the history ends with entry ${head.seq}`);
    return lines;
  }

  /** Chains a history that was written before histories were chained. */
  chain(): Head {
    this.#sql.exec("ALTER TABLE history ADD COLUMN prev TEXT NOT NULL DEFAULT ''");
    this.#sql.exec("ALTER TABLE history ADD COLUMN hash TEXT NOT NULL DEFAULT ''");
    const lines = this.#sql.exec("SELECT * FROM history ORDER BY seq").toArray().map(lineOf);
    this.#sql.exec("DELETE FROM history");
    return lines.reduce((head: Head, line) => this.append(head, line), NO_HEAD);
  }
}

const lineOf = (row: Record<string, SqlStorageValue>): HistoryLine => ({
  seq: Number(row["seq"]),
  at: Number(row["at"]),
  kind: String(row["kind"]) as TimelineEntry["kind"],
  type: String(row["type"]),
  detail: String(row["detail"]),
  prev: String(row["prev"]),
  hash: String(row["hash"]),
});

/** What comes after an entry: at least one where there is one, and no more characters than an answer may have. */
export function pageOf(lines: readonly HistoryLine[], after: number): HistoryLine[] {
  let chars = 0;
  const page = lines.slice(after);
  const end = page.findIndex(({ detail }, at) => (chars += detail.length) > PAGE_CHARS_MAX && at > 0);
  return end === -1 ? page : page.slice(0, end);
}

/** What staff read: the entries without their chain. */
export const timelineOf = (lines: readonly HistoryLine[]): TimelineEntry[] =>
  lines.map(({ seq, at, kind, type, detail }) => ({
    seq,
    at,
    kind,
    type,
    detail: JSON.parse(detail) as unknown,
  }));

/** What people are told of a history that is not what was written. */
export const brokenHistory = (order: OrderId, cause: unknown, now: number): Case => ({
  id: `history_broken:${order}`,
  kind: "history_broken",
  order,
  payment: null,
  detail: String(cause),
  openedAt: now,
});
