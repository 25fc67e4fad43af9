import type { Effect, HistoryLine, Order, Report, TimelineEntry } from "../../schema/order.ts";
import { keyOf, type Decision } from "./decision.ts";
import type { Heard } from "./heard.ts";
import { History, HISTORY_DDL, NO_HEAD, type Head } from "./history.ts";

/** The shape of `current.body`. A later shape reads the earlier ones. */
const FORMAT = 1;
/** How soon work that nobody has reported done is sent again: after this, doubling, up to the maximum. */
const RESEND_MS = 5_000;
const RESEND_MS_MAX = 300_000;
/** Work sent at once. */
const SEND_MAX = 50;
/**
 * Entries of a history. What changes the order is always written: there can only be so many payments and refunds. What only
 * says that nothing is new (questions, empty answers) stops being written long before everything else does.
 */
const HISTORY_MAX = 5_000;
const HISTORY_NOISE_MAX = 300;
/** Questions, of which a slow provider causes hundreds. */
const QUESTIONS: readonly Effect["type"][] = ["query_payment", "close_payment"];
/** Not worth an entry: the clock, and acknowledgements of our own work. */
const SILENT: readonly string[] = ["clock_ticked", "projected", "case_opened"];
/** Those that change nothing are not written down at all; so it is with units that came back as they should. */
export const SILENT_WHEN_IDLE: ReadonlySet<string> = new Set([...SILENT, "stock_released"]);

/** The row of the outbox that stands for the read model's copy of the order. */
export const PUBLISH = "publish";

const DDL = `
  CREATE TABLE IF NOT EXISTS current (only INTEGER PRIMARY KEY CHECK (only = 1), format INTEGER NOT NULL, body TEXT NOT NULL,
    seq INTEGER NOT NULL, hash TEXT NOT NULL);
  ${HISTORY_DDL}
  CREATE TABLE IF NOT EXISTS outbox (key TEXT PRIMARY KEY, body TEXT, tries INTEGER NOT NULL, due_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS inbox (event TEXT PRIMARY KEY, repeated INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, subject TEXT NOT NULL) WITHOUT ROWID;
`;

/** A piece of work in the outbox; `effect` is null for the read model's copy. */
export interface Waiting {
  readonly key: string;
  readonly effect: Effect | null;
}

type Row = Record<string, SqlStorageValue>;

/** The SQL of one order. Nothing is written, not even a table, before the first `save`. */
export class OrderStore {
  readonly #storage: DurableObjectStorage;
  readonly #history: History;
  #born: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#history = new History(storage.sql);
    const [current] = storage.sql
      .exec("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'current'")
      .toArray();
    this.#born = current !== undefined;
    if (current && !String(current["sql"]).includes("hash")) this.#chain();
  }

  /** An order that was born before histories were chained. */
  #chain(): void {
    this.transaction(() => {
      this.#run("ALTER TABLE current ADD COLUMN seq INTEGER NOT NULL DEFAULT 0");
      this.#run("ALTER TABLE current ADD COLUMN hash TEXT NOT NULL DEFAULT ''");
      this.#keepHead(this.#history.chain());
    });
  }

  load(): Order | null {
    const [row] = this.#rows("SELECT format, body FROM current");
    if (!row) return null;
    if (row.format !== FORMAT) throw new Error(`an order stored in the format ${String(row.format)}`);
    return JSON.parse(String(row.body)) as Order;
  }

  /** All of it becomes true, or none. */
  transaction<T>(work: () => T): T {
    const born = this.#born;
    try {
      return this.#storage.transactionSync(work);
    } catch (cause) {
      // The tables went with everything else.
      this.#born = born;
      throw cause;
    }
  }

  /** The state, the reason for it and the work it causes. */
  save(before: Order, { order, effects, withdrawn = [] }: Decision, heard: Heard, now: number): void {
    if (!this.#born) this.#storage.sql.exec(DDL);
    this.#born = true;
    let head = this.#head();
    const record = (kind: TimelineEntry["kind"], entry: Heard, entriesMax: number): void => {
      head = this.#record(head, now, kind, entry, entriesMax);
    };
    const changed = before.version !== order.version;
    const idle = !changed && effects.every(({ type }) => QUESTIONS.includes(type));
    const entriesMax = (noise: boolean): number => {
      if (noise) return HISTORY_NOISE_MAX;
      return changed ? Number.MAX_SAFE_INTEGER : HISTORY_MAX;
    };
    record("report", heard, entriesMax(idle));
    if (before.state !== order.state) {
      const detail = { from: before.state, reason: order.reason, version: order.version };
      record("transition", { type: order.state, detail }, Number.MAX_SAFE_INTEGER);
    }
    for (const key of withdrawn) this.settle(key);
    for (const effect of effects) {
      const { type, ...detail } = effect;
      // Asked for again, it is the same work: how often it was tried is not forgotten.
      this.#run(
        "INSERT INTO outbox (key, body, tries, due_at) VALUES (?, ?, 0, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body",
        keyOf(effect),
        JSON.stringify(effect),
        now + RESEND_MS,
      );
      record("effect", { type, detail }, entriesMax(QUESTIONS.includes(type)));
    }
    if (changed)
      this.#run(
        "INSERT OR REPLACE INTO outbox (key, body, tries, due_at) VALUES (?, NULL, 0, ?)",
        PUBLISH,
        now + RESEND_MS,
      );
    this.#run(
      "INSERT OR REPLACE INTO current (only, format, body, seq, hash) VALUES (1, ?, ?, ?, ?)",
      FORMAT,
      JSON.stringify(order),
      head.seq,
      head.hash,
    );
  }

  /** The work was done, or is no longer wanted. */
  settle(key: string): void {
    this.#run("DELETE FROM outbox WHERE key = ?", key);
  }

  /** Whether there is no work but of these keys. */
  owesOnly(keys: readonly string[]): boolean {
    const others = "SELECT 1 FROM outbox WHERE key NOT IN (SELECT value FROM json_each(?)) LIMIT 1";
    return this.#rows(others, JSON.stringify(keys)).length === 0;
  }

  /** Those of these pieces of work that nobody has settled yet. */
  waiting(keys: readonly string[]): Waiting[] {
    const rows = this.#rows(
      "SELECT key, body FROM outbox WHERE key IN (SELECT value FROM json_each(?)) LIMIT ?",
      JSON.stringify(keys),
      SEND_MAX,
    );
    return rows.map(waitingOf);
  }

  /** What must be sent again now. Takes note that it was. */
  takeDue(now: number): Waiting[] {
    const rows = this.#rows(
      "SELECT key, body, tries FROM outbox WHERE due_at <= ? ORDER BY due_at LIMIT ?",
      now,
      SEND_MAX,
    );
    for (const { key, tries } of rows) {
      const wait = Math.min(RESEND_MS * 2 ** (Number(tries) + 1), RESEND_MS_MAX);
      this.#run("UPDATE outbox SET tries = tries + 1, due_at = ? WHERE key = ?", now + wait, key ?? null);
    }
    return rows.map(waitingOf);
  }

  nextDueAt(): number | null {
    const [row] = this.#rows("SELECT min(due_at) AS at FROM outbox");
    return row?.at === null || row?.at === undefined ? null : Number(row.at);
  }

  /**
   * False when this very event was heard before. That it was repeated is written down once, however often it is. Providers
   * number their events each for itself, so an event is known by what it speaks of too.
   */
  isNews(report: Report, now: number): boolean {
    if (!("source" in report) || report.source.via !== "callback") return true;
    const event = `${"payment" in report ? report.payment : report.refund} ${report.source.event}`;
    const [known] = this.#rows("SELECT repeated FROM inbox WHERE event = ?", event);
    if (!known) {
      this.#run("INSERT INTO inbox (event, repeated) VALUES (?, 0)", event);
      return true;
    }
    if (known.repeated === 0) {
      this.#run("UPDATE inbox SET repeated = 1 WHERE event = ?", event);
      const repeated = { type: "repeated_event", detail: { event } };
      this.#keepHead(this.#record(this.#head(), now, "report", repeated, HISTORY_MAX));
    }
    return false;
  }

  key(key: string): { fingerprint: string; subject: string } | null {
    const [row] = this.#rows("SELECT fingerprint, subject FROM keys WHERE key = ?", key);
    return row ? { fingerprint: String(row.fingerprint), subject: String(row.subject) } : null;
  }

  /** @param subject the payment or refund that the key belongs to from now on. */
  keep(key: string, fingerprint: string, subject: string): void {
    this.#run("INSERT INTO keys (key, fingerprint, subject) VALUES (?, ?, ?)", key, fingerprint, subject);
  }

  /** Throws where a link of its chain is broken. */
  history(): HistoryLine[] {
    return this.#born ? this.#history.read(this.#head()) : [];
  }

  /** @param entriesMax from so many entries on it is not worth one. */
  #record(
    head: Head,
    at: number,
    kind: TimelineEntry["kind"],
    { type, detail }: Heard,
    entriesMax: number,
  ): Head {
    if (SILENT.includes(type) || head.seq >= entriesMax) return head;
    return this.#history.append(head, { at, kind, type, detail: JSON.stringify(detail) });
  }

  #head(): Head {
    const [row] = this.#rows("SELECT seq, hash FROM current");
    return row ? { seq: Number(row.seq), hash: String(row.hash) } : NO_HEAD;
  }

  #keepHead({ seq, hash }: Head): void {
    this.#run("UPDATE current SET seq = ?, hash = ?", seq, hash);
  }

  #rows(sql: string, ...binds: SqlStorageValue[]): Row[] {
    return this.#born ? this.#storage.sql.exec(sql, ...binds).toArray() : [];
  }

  #run(sql: string, ...binds: SqlStorageValue[]): void {
    this.#storage.sql.exec(sql, ...binds);
  }
}

const waitingOf = ({ key, body }: Row): Waiting => ({
  key: String(key),
  effect: body === null ? null : (JSON.parse(String(body)) as Effect),
});
