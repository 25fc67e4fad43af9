import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Projected } from "../../worker/read-models/projection.ts";
import type { OrderId } from "../../schema/ids.ts";

const MIGRATIONS = join(import.meta.dirname, "../../schema/migrations");
const TABLES = ["orders", "payments", "refunds", "cases", "dead_letters"];
/** What asks for orders that should have ended begins so. */
const LATE = /^select "id" from "orders"/;
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

/** What D1 says of an order. */
export interface Row {
  readonly version: number;
  readonly state: string;
  readonly rank: number;
  readonly document: string;
}

/**
 * D1. Cases and dead letters are always kept by the real statements in a real SQLite; the copy of the orders is in one world of
 * many, and in the others by the same rule in memory, which costs a hundredth.
 */
export class D1 {
  isDown = false;
  /** Changes that were older than what D1 had already. */
  outdated = 0;
  readonly #isReal: boolean;
  readonly #database = Database.get();
  readonly #orders = new Map<OrderId, Projected>();

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

  /** What is kept of an order. */
  row(order: OrderId): Row | null {
    if (this.#isReal) {
      const statement = this.#database.prepare(
        "SELECT version, state, rank, document FROM orders WHERE id = ?",
      );
      statement.setReturnArrays(false);
      return (statement.get(order) as unknown as Row | undefined) ?? null;
    }
    const kept = this.#orders.get(order);
    if (!kept) return null;
    const { version, state } = kept.order;
    return { version, state, rank: kept.rank, document: JSON.stringify(kept.order) };
  }

  /** The states of what belongs to orders, of those that D1 keeps in tables of their own. */
  children(table: "payments" | "refunds"): Map<string, string> | null {
    if (!this.#isReal) return null;
    return new Map(
      this.all<{ id: string; state: string }>(`SELECT id, state FROM ${table}`).map(({ id, state }) => [
        id,
        state,
      ]),
    );
  }

  all<Found>(sql: string): Found[] {
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
        if (table && !this.#isReal) this.#project(table, String(binds[0]));
        else {
          const { changes } = this.#database.prepare(sql).run(...binds);
          if (table === "orders")
            this.outdated += (JSON.parse(String(binds[0])) as unknown[]).length - Number(changes);
        }
        return { success: true, results: [], meta: {} };
      },
      raw: async () => {
        this.#ask();
        if (!this.#isReal && ENDPOINTS.test(sql)) return [];
        if (!this.#isReal && LATE.test(sql)) return this.#late(Number(binds.at(-2)), Number(binds.at(-1)));
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

  /** The rule of the statements: a newer version wins, and of two equal ones the order's own actor. */
  #project(table: string, text: string): void {
    if (table !== "orders") return;
    for (const change of JSON.parse(text) as Projected[]) {
      const { order, rank } = change;
      const kept = this.#orders.get(order.order);
      const isNewer =
        !kept ||
        order.version > kept.order.version ||
        (order.version === kept.order.version && rank > kept.rank);
      if (isNewer) this.#orders.set(order.order, change);
      else this.outdated++;
    }
  }

  #late(before: number, max: number): [OrderId][] {
    const isLate = ({ order: { state, payBy } }: Projected): boolean =>
      (state === "pending" || state === "paying") && payBy < before;
    return [...this.#orders.values()]
      .filter(isLate)
      .toSorted((a, b) => a.order.updatedAt - b.order.updatedAt)
      .slice(0, max)
      .map(({ order }) => [order.order]);
  }
}
