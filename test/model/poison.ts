import { runInDurableObject } from "cloudflare:test";

type Stub = DurableObjectStub<undefined>;

/**
 * From now on every commit that adds a row to this table fails, at its very end: a trigger adds a row that breaks a deferred foreign
 * key. The statements succeed, the commit does not, and the runtime resets the object.
 */
export function poison(stub: DurableObjectStub, table: string): Promise<void> {
  return runInDurableObject(stub as Stub, (_, { storage: { sql } }) => {
    sql.exec("CREATE TABLE IF NOT EXISTS nobody (id INTEGER PRIMARY KEY)");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS orphan (id INTEGER REFERENCES nobody (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    sql.exec(
      `CREATE TRIGGER IF NOT EXISTS poison AFTER INSERT ON ${table} BEGIN INSERT INTO orphan VALUES (1); END`,
    );
  });
}

/** Takes all of it away again. */
export function wholesome(stub: DurableObjectStub): Promise<void> {
  return runInDurableObject(stub as Stub, (_, { storage: { sql } }) => {
    sql.exec("DROP TRIGGER IF EXISTS poison");
    sql.exec("DROP TABLE IF EXISTS orphan");
    sql.exec("DROP TABLE IF EXISTS nobody");
  });
}
