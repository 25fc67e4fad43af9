import type { BankBehaviour } from "../../schema/actors.ts";
import type { PaymentId, RefundId } from "../../schema/ids.ts";
import { CALLBACK_DEADLINE_MS, NORMAL, type Account, type Slot } from "./machine.ts";

const DDL = `
  CREATE TABLE IF NOT EXISTS account (id TEXT PRIMARY KEY, reference TEXT NOT NULL UNIQUE, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS refund (reference TEXT PRIMARY KEY, payment TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS behaviour (only INTEGER PRIMARY KEY CHECK (only = 1), body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS revival (payment TEXT PRIMARY KEY, due_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outgoing (
    seq INTEGER PRIMARY KEY, payment TEXT NOT NULL, event TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL,
    tries INTEGER NOT NULL, due_at INTEGER NOT NULL, held_back INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS outgoing_due ON outgoing (due_at);
  CREATE INDEX IF NOT EXISTS outgoing_held_back ON outgoing (payment) WHERE held_back = 1;
`;

/** A callback on its way to the merchant. */
export interface Outgoing {
  readonly seq: number;
  /** The bank's id of the payment it tells of. */
  readonly payment: string;
  readonly event: string;
  readonly url: string;
  readonly body: string;
  /** Including the one that is about to be made. */
  readonly tries: number;
}

/** Revivals of one alarm; what is left over is due at once again. */
const REVIVE_MAX = 50;

type Row = Record<string, SqlStorageValue>;

/** The SQL of the bank. Nothing is written, not even a table, before the first write. */
export class BankStore {
  readonly #storage: DurableObjectStorage;
  #born: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    const found = storage.sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'outgoing'");
    this.#born = found.toArray().length > 0;
  }

  /** All of it becomes true, or none. */
  transaction<T>(work: () => T): T {
    return this.#storage.transactionSync(work);
  }

  byId(id: string): Account | null {
    return this.#account("SELECT body FROM account WHERE id = ?", id);
  }

  byReference(reference: PaymentId): Account | null {
    return this.#account("SELECT body FROM account WHERE reference = ?", reference);
  }

  after(id: string, max: number): Account[] {
    if (!this.#born) return [];
    const rows = this.#storage.sql.exec("SELECT body FROM account WHERE id > ? ORDER BY id LIMIT ?", id, max);
    return rows.toArray().map(({ body }) => JSON.parse(String(body)) as Account);
  }

  save(account: Account): void {
    const body = JSON.stringify(account);
    this.#run(
      "INSERT OR REPLACE INTO account (id, reference, body) VALUES (?, ?, ?)",
      account.id,
      account.reference,
      body,
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

  /** Payments that were said to be closed and now succeed. */
  toRevive(now: number): Account[] {
    const sql =
      "SELECT body FROM revival JOIN account ON account.id = revival.payment WHERE due_at <= ? LIMIT ?";
    return this.#rows(sql, now, REVIVE_MAX).map(({ body }) => JSON.parse(String(body)) as Account);
  }

  saveRevival(payment: string, dueAt: number): void {
    this.#run("INSERT OR REPLACE INTO revival (payment, due_at) VALUES (?, ?)", payment, dueAt);
  }

  revived(payment: string): void {
    this.#run("DELETE FROM revival WHERE payment = ?", payment);
  }

  someHeldBack(payment: string): boolean {
    return (
      this.#rows("SELECT 1 FROM outgoing WHERE payment = ? AND held_back = 1 LIMIT 1", payment).length > 0
    );
  }

  enqueue(callback: Pick<Outgoing, "payment" | "event" | "url" | "body">, { dueAt, heldBack }: Slot): void {
    const { payment, event, url, body } = callback;
    this.#run(
      "INSERT INTO outgoing (payment, event, url, body, tries, due_at, held_back) VALUES (?, ?, ?, ?, 0, ?, ?)",
      ...[payment, event, url, body, dueAt, heldBack ? 1 : 0],
    );
  }

  isDue(now: number): boolean {
    return this.#rows("SELECT 1 FROM outgoing WHERE due_at <= ? LIMIT 1", now).length > 0;
  }

  /**
   * Takes what is due to be sent. Each is put off beyond the deadline of the try that is about to be made, so that a crash in
   * between, or a second look, neither loses it nor sends it twice at once.
   */
  take(max: number, now: number): Outgoing[] {
    const rows = this.#rows(
      `UPDATE outgoing SET tries = tries + 1, due_at = ?, held_back = 0
       WHERE seq IN (SELECT seq FROM outgoing WHERE due_at <= ? ORDER BY due_at, seq LIMIT ?)
       RETURNING seq, payment, event, url, body, tries`,
      ...[now + 2 * CALLBACK_DEADLINE_MS, now, max],
    );
    const taken = rows.map(({ seq, payment, event, url, body, tries }) => ({
      seq: Number(seq),
      payment: String(payment),
      event: String(event),
      url: String(url),
      body: String(body),
      tries: Number(tries),
    }));
    return taken.sort((a, b) => a.seq - b.seq);
  }

  /** Done with, one way or the other: what it was to overtake may go. */
  finish({ seq, payment }: Outgoing, now: number): void {
    this.#run("DELETE FROM outgoing WHERE seq = ?", seq);
    this.#run(
      "UPDATE outgoing SET due_at = ?, held_back = 0 WHERE payment = ? AND held_back = 1 AND seq < ?",
      now,
      payment,
      seq,
    );
  }

  postpone({ seq }: Outgoing, until: number): void {
    this.#run("UPDATE outgoing SET due_at = ? WHERE seq = ?", until, seq);
  }

  /** The next callback, or the next lie to come out, epoch ms. */
  nextDueAt(): number | null {
    const earliest = "SELECT min(due_at) AS at FROM outgoing UNION ALL SELECT min(due_at) FROM revival";
    const [row] = this.#rows(`SELECT min(at) AS at FROM (${earliest})`);
    return row?.at === null || row?.at === undefined ? null : Number(row.at);
  }

  #account(sql: string, key: string): Account | null {
    const [row] = this.#rows(sql, key);
    return row ? (JSON.parse(String(row.body)) as Account) : null;
  }

  #rows(sql: string, ...binds: SqlStorageValue[]): Row[] {
    return this.#born ? this.#storage.sql.exec(sql, ...binds).toArray() : [];
  }

  #run(sql: string, ...binds: SqlStorageValue[]): void {
    if (!this.#born) this.#storage.sql.exec(DDL);
    this.#born = true;
    this.#storage.sql.exec(sql, ...binds);
  }
}
