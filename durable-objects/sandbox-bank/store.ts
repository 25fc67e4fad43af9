import type { BankBehaviour } from "../../schema/actors.ts";
import type { PaymentId, RefundId } from "../../schema/ids.ts";
import { NORMAL, type Account } from "./machine.ts";

/** Callbacks delivered in one turn. */
const DELIVER_MAX = 20;

const DDL = `
  CREATE TABLE IF NOT EXISTS account (id TEXT PRIMARY KEY, reference TEXT NOT NULL UNIQUE, body TEXT NOT NULL, revive_at INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS refund (reference TEXT PRIMARY KEY, payment TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS behaviour (only INTEGER PRIMARY KEY CHECK (only = 1), body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS callback (seq INTEGER PRIMARY KEY, event TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL, tries INTEGER NOT NULL, due_at INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS callback_due ON callback (due_at);
`;

/** A callback on its way to the merchant. */
export interface Outgoing {
  readonly seq: number;
  readonly event: string;
  readonly url: string;
  readonly body: string;
  readonly tries: number;
}

type Row = Record<string, SqlStorageValue>;

/** The SQL of the bank. */
export class BankStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(DDL);
  }

  transaction<T>(work: () => T): T {
    return this.#storage.transactionSync(work);
  }

  byId(id: string): Account | null {
    return this.#account("SELECT body FROM account WHERE id = ?", id);
  }

  byReference(reference: PaymentId): Account | null {
    return this.#account("SELECT body FROM account WHERE reference = ?", reference);
  }

  /** Payments that were said to be closed and now succeed. */
  toRevive(now: number): Account[] {
    return this.#rows("SELECT body FROM account WHERE revive_at <= ?", now).map(({ body }) => JSON.parse(String(body)) as Account);
  }

  /** @param reviveAt when a lie about this payment comes out, epoch ms. */
  save(account: Account, reviveAt: number | null = null): void {
    this.#run(
      "INSERT OR REPLACE INTO account (id, reference, body, revive_at) VALUES (?, ?, ?, ?)",
      account.id,
      account.reference,
      JSON.stringify(account),
      reviveAt,
    );
  }

  hasRefund(reference: RefundId): boolean {
    return this.#rows("SELECT 1 FROM refund WHERE reference = ?", reference).length > 0;
  }

  saveRefund(reference: RefundId, payment: PaymentId): void {
    this.#run("INSERT INTO refund (reference, payment) VALUES (?, ?)", reference, payment);
  }

  behaviour(): BankBehaviour {
    const [row] = this.#rows("SELECT body FROM behaviour");
    return row ? (JSON.parse(String(row.body)) as BankBehaviour) : NORMAL;
  }

  saveBehaviour(behaviour: BankBehaviour): void {
    this.#run("INSERT OR REPLACE INTO behaviour (only, body) VALUES (1, ?)", JSON.stringify(behaviour));
  }

  enqueue(event: string, url: string, body: string, dueAt: number): void {
    this.#run("INSERT INTO callback (event, url, body, tries, due_at) VALUES (?, ?, ?, 0, ?)", event, url, body, dueAt);
  }

  due(now: number): Outgoing[] {
    const rows = this.#rows("SELECT seq, event, url, body, tries FROM callback WHERE due_at <= ? ORDER BY due_at, seq LIMIT ?", now, DELIVER_MAX);
    return rows.map(({ seq, event, url, body, tries }) => ({
      seq: Number(seq),
      event: String(event),
      url: String(url),
      body: String(body),
      tries: Number(tries),
    }));
  }

  delivered(seq: number): void {
    this.#run("DELETE FROM callback WHERE seq = ?", seq);
  }

  postpone(seq: number, until: number): void {
    this.#run("UPDATE callback SET tries = tries + 1, due_at = ? WHERE seq = ?", until, seq);
  }

  /** The next callback or the next lie to come out, epoch ms. */
  nextDueAt(): number | null {
    const [row] = this.#rows("SELECT min(at) AS at FROM (SELECT min(due_at) AS at FROM callback UNION ALL SELECT min(revive_at) FROM account)");
    return row?.at === null || row?.at === undefined ? null : Number(row.at);
  }

  #account(sql: string, key: string): Account | null {
    const [row] = this.#rows(sql, key);
    return row ? (JSON.parse(String(row.body)) as Account) : null;
  }

  #rows(sql: string, ...binds: SqlStorageValue[]): Row[] {
    return this.#storage.sql.exec(sql, ...binds).toArray();
  }

  #run(sql: string, ...binds: SqlStorageValue[]): void {
    this.#storage.sql.exec(sql, ...binds);
  }
}
