import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { getTableColumns, is } from "drizzle-orm";
import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";
import { describe, expect, test } from "vitest";
import * as tables from "../../schema/tables/tables.ts";

const FOLDER = join(import.meta.dirname, "../../schema/migrations");
const FILES = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".sql"))
  .toSorted();
const read = (file: string) => readFileSync(join(FOLDER, file), "utf8");

/** An empty database after the first migrations, one after the other. */
function databaseAfter(count: number): DatabaseSync {
  const db = new DatabaseSync(":memory:");
  for (const file of FILES.slice(0, count)) db.exec(read(file));
  return db;
}

const declared = Object.values(tables)
  .filter((table) => is(table, SQLiteTable))
  .map((table) => getTableConfig(table));
const latest = databaseAfter(FILES.length);

describe("migrations", () => {
  test("are numbered without a gap, and the journal knows each", () => {
    expect(FILES.map((file) => Number(file.slice(0, 4)))).toEqual(FILES.map((_, at) => at));
    const journal = JSON.parse(read("meta/_journal.json")) as { entries: { tag: string }[] };
    expect(journal.entries.map(({ tag }) => `${tag}.sql`)).toEqual(FILES);
  });

  test.each(FILES.map((file, at) => [file, at + 1] as const))(
    "up to %s run on an empty database",
    (_, count) => {
      const { ok } = databaseAfter(count).prepare("SELECT count(*) > 0 AS ok FROM sqlite_schema").get() ?? {};
      expect(ok).toBe(1);
    },
  );

  test.each(declared)("make the table $name as it is declared", ({ name, columns, indexes }) => {
    const made = latest.prepare('SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?)').all(name);
    expect(made.map((column) => ({ ...column }))).toEqual(
      columns.map((column) => ({
        name: column.name,
        type: column.getSQLType().toUpperCase(),
        notnull: Number(column.notNull),
        pk: Number(column.primary),
      })),
    );
    const known = latest
      .prepare("SELECT name FROM pragma_index_list(?) WHERE origin = 'c' AND \"unique\" = 0")
      .all(name);
    expect(new Set(known.map((index) => index["name"]))).toEqual(
      new Set(indexes.map(({ config }) => config.name)),
    );
  });

  test("make no table that is not declared", () => {
    const made = latest
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all();
    expect(new Set(made.map((table) => table["name"]))).toEqual(new Set(declared.map(({ name }) => name)));
  });
});

describe("each list is read along an index", () => {
  const page = "ORDER BY created_at DESC, id DESC LIMIT 21";
  const queries = [
    `SELECT document FROM orders ${page}`,
    `SELECT document FROM orders WHERE state = 'paid' ${page}`,
    `SELECT document FROM orders WHERE sale = 'lamps' ${page}`,
    `SELECT document FROM orders WHERE buyer = 'buy_1' ${page}`,
    `SELECT document FROM orders WHERE buyer = 'buy_1' AND (created_at < 5 OR (created_at = 5 AND id < 'x')) ${page}`,
    "SELECT document FROM orders WHERE id = 'x' LIMIT 1",
    "SELECT max(updated_at) FROM orders",
    "SELECT state, count(*) FROM orders GROUP BY state",
    "SELECT order_id FROM payments WHERE provider_ref = 'x' LIMIT 1",
    "SELECT * FROM cases WHERE resolved_at IS NULL ORDER BY resolved_at DESC, opened_at DESC, id DESC LIMIT 500",
    "SELECT * FROM cases WHERE resolved_at IS NOT NULL ORDER BY resolved_at DESC, opened_at DESC, id DESC LIMIT 500",
    "SELECT * FROM dead_letters ORDER BY failed_at DESC LIMIT 500",
    "SELECT id FROM staff_keys WHERE hash = 'x' AND revoked_at IS NULL LIMIT 1",
  ];
  test.each(queries)("%s", (sql) => {
    const plan = latest
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
    expect(plan.join("; ")).not.toMatch(/TEMP B-TREE|SCAN \w+(?:;|$)/);
  });
});

test("no table keeps a key, only its hash", () => {
  expect(Object.keys(getTableColumns(tables.staffKeys))).toEqual([
    "id",
    "name",
    "role",
    "hash",
    "createdAt",
    "createdBy",
    "revokedAt",
  ]);
});
