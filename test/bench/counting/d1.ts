import type { Counts } from "./counts.ts";

type Bound = (...args: unknown[]) => unknown;

/** A statement's own, for batches. */
const ORIGINAL = Symbol("original");
type Counted = D1PreparedStatement & { [ORIGINAL]: D1PreparedStatement };

/** A D1 whose answers say how many rows they cost. */
export function countingD1(db: D1Database, counts: Counts): D1Database {
  const note = <T extends { meta: D1Meta }>(result: T): T => {
    counts.d1RowsRead += result.meta.rows_read;
    counts.d1RowsWritten += result.meta.rows_written;
    return result;
  };
  const counted = (statement: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(statement, {
      get(target, property) {
        if (property === ORIGINAL) return target;
        if (property === "bind") return (...values: unknown[]) => counted(target.bind(...values));
        if (property === "run" || property === "all") return async () => note(await target[property]());
        // These two do not say what they cost: the same is asked once more, by a way that does. They only read here.
        if (property === "raw" || property === "first")
          return async (...args: unknown[]) => {
            note(await target.all());
            return (target[property] as Bound).apply(target, args);
          };
        return bound(target, property);
      },
    });
  return new Proxy(db, {
    get(target, property) {
      if (property === "prepare") return (sql: string) => counted(target.prepare(sql));
      if (property === "batch")
        return async (statements: Counted[]) =>
          (await target.batch(statements.map((statement) => statement[ORIGINAL]))).map(note);
      return bound(target, property);
    },
  });
}

function bound(target: object, property: string | symbol): unknown {
  const value: unknown = Reflect.get(target, property);
  return typeof value === "function" ? (value as Bound).bind(target) : value;
}
