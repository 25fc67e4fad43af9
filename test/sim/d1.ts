import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Projected } from "../../worker/read-models/projection.ts";
import type { OrderId } from "../../schema/ids.ts";
import type { CaseKind, Order } from "../../schema/order.ts";
import { OrderCopy, type ReadModel, type Row } from "./copy.ts";

const MIGRATIONS = join(import.meta.dirname, "../../schema/migrations");
const TABLES = ["orders", "payments", "refunds", "cases", "dead_letters"];
/** What asks for orders that should have ended begins so. */
const LATE = /^select "id" from "orders"/;
/** And for those whose refund has been on its way for long. */
const REFUNDING = /^select distinct "order_id" from "refunds"/;
/** Merchants' endpoints, which are asked for with every batch and of which there are none here. */
const ENDPOINTS = /^select "id" from "webhook_endpoints"/;
const PROJECTS = /^\s*INSERT INTO (orders|payments|refunds) /;

/** One database for a whole process: making its tables anew for each world would take longer than the world. */
class Database {
  static #only: Database | null = null;
  readonly sql = new DatabaseSync(":memory:");
  readonly #prepared = new Map<string, StatementSync>();

  static get(): Database {
    return (Database.#only ??= new Database());
  }

  private constructor() {
    for (const file of readdirSync(MIGRATIONS)
      .filter((name) => name.endsWith(".sql"))
      .toSorted())
      this.sql.exec(readFileSync(join(MIGRATIONS, file), "utf8"));
  }

  clear(): void {
    for (const table of TABLES) this.sql.exec(`DELETE FROM ${table}`);
  }

  prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (!statement) this.#prepared.set(sql, (statement = this.sql.prepare(sql)));
    return statement;
  }
}

/**
 * D1. Cases and dead letters are always kept by the real statements in a real SQLite; the copy of the orders is in one world of
 * many, and in the others by the same rule in memory, which costs a hundredth.
 */
export class D1 implements ReadModel {
  isDown = false;
  readonly #isReal: boolean;
  readonly #database = Database.get();
  readonly #copy = new OrderCopy();
  #outdated = 0;

  constructor(isReal: boolean) {
    this.#isReal = isReal;
    this.#database.clear();
  }

  get binding(): D1Database {
    const binding = {
      prepare: (sql: string) => this.#statement(sql, []),
      batch: async (statements: { run(): Promise<unknown> }[]) => {
        this.#ask();
        this.#database.sql.exec("BEGIN");
        for (const statement of statements) await statement.run();
        this.#database.sql.exec("COMMIT");
        return statements.map(() => ({ success: true, results: [] }));
      },
    };
    return binding as unknown as D1Database;
  }

  get outdated(): number {
    return this.#outdated + this.#copy.outdated;
  }

  row(order: OrderId): Row | null {
    if (!this.#isReal) return this.#copy.row(order);
    const statement = this.#database.prepare("SELECT version, state, document FROM orders WHERE id = ?");
    statement.setReturnArrays(false);
    const found = statement.get(order) as unknown as
      | { version: number; state: string; document: string }
      | undefined;
    if (!found) return null;
    const { version, state, document } = found;
    return { version, state, order: JSON.parse(document) as Order };
  }

  cases() {
    return this.#all<{ id: string; order: OrderId | null; kind: CaseKind }>(
      'SELECT id, order_id AS "order", kind FROM cases',
    );
  }

  letters(): string[] {
    return this.#all<{ id: string }>("SELECT id FROM dead_letters WHERE replayed_at IS NULL").map(
      ({ id }) => id,
    );
  }

  children(table: "payments" | "refunds"): Map<string, string> | null {
    if (!this.#isReal) return null;
    return new Map(
      this.#all<{ id: string; state: string }>(`SELECT id, state FROM ${table}`).map(({ id, state }) => [
        id,
        state,
      ]),
    );
  }

  #all<Found>(sql: string): Found[] {
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(false);
    return statement.all() as Found[];
  }

  #ask(): void {
    if (this.isDown) throw new Error("D1 is down");
  }

  #statement(sql: string, binds: SQLInputValue[]) {
    return {
      bind: (...values: SQLInputValue[]) => this.#statement(sql, values),
      run: async () => {
        this.#ask();
        const table = PROJECTS.exec(sql)?.[1];
        if (this.#isReal || !table) this.#run(sql, binds, table);
        else if (table === "orders") for (const change of changesIn(binds)) this.#copy.project(change);
        return { success: true, results: [], meta: {} };
      },
      raw: async () => {
        this.#ask();
        if (!this.#isReal && ENDPOINTS.test(sql)) return [];
        if (!this.#isReal && LATE.test(sql))
          return this.#copy.late(Number(binds.at(-2)), Number(binds.at(-1))).map((id) => [id]);
        if (!this.#isReal && REFUNDING.test(sql))
          return this.#copy.refunding(Number(binds.at(-2)), Number(binds.at(-1))).map((id) => [id]);
        const statement = this.#database.prepare(sql);
        statement.setReturnArrays(true);
        return statement.all(...binds);
      },
      all: async () => {
        this.#ask();
        const statement = this.#database.prepare(sql);
        statement.setReturnArrays(false);
        return { success: true, results: statement.all(...binds) };
      },
    };
  }

  #run(sql: string, binds: SQLInputValue[], table: string | undefined): void {
    const { changes } = this.#database.prepare(sql).run(...binds);
    if (table === "orders") this.#outdated += changesIn(binds).length - Number(changes);
  }
}

const changesIn = ([changes]: readonly SQLInputValue[]): Projected[] =>
  JSON.parse(String(changes)) as Projected[];
