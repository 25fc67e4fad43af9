import type { DurableObject } from "cloudflare:workers";
import type { Counts } from "./counts.ts";

type ActorClass = new (ctx: DurableObjectState, env: Env) => DurableObject<Env>;
type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Cursors know what they cost only once they have been read. */
const cursors = new Map<Counts, SqlStorageCursor<Record<string, SqlStorageValue>>[]>();

export function rowsOf(counts: Counts): Pick<Counts, "objectRowsRead" | "objectRowsWritten"> {
  const all = cursors.get(counts) ?? [];
  return {
    objectRowsRead: counts.objectRowsRead + all.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
    objectRowsWritten: counts.objectRowsWritten + all.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
  };
}

/** An actor of which every call, alarm and page is counted as the request that it is billed as, and every row of its SQL. */
export function countingObject<Actor extends ActorClass>(
  actor: Actor,
  counts: Counts,
  countedEnv: (env: Env) => Env,
): Actor {
  const Base: ActorClass = actor;
  class Counting extends Base {
    constructor(ctx: DurableObjectState, env: Env) {
      countStorage(ctx.storage, counts);
      super(ctx, countedEnv(env));
    }
  }
  for (const name of Object.getOwnPropertyNames(actor.prototype)) {
    const method: unknown = Reflect.get(actor.prototype as object, name);
    if (name === "constructor" || typeof method !== "function") continue;
    Object.defineProperty(Counting.prototype, name, {
      value(this: unknown, ...args: unknown[]) {
        counts.objectRequests++;
        return (method as Method).apply(this, args);
      },
    });
  }
  return Counting as Actor;
}

function countStorage(storage: DurableObjectStorage, counts: Counts): void {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  const kept = cursors.get(counts) ?? [];
  cursors.set(counts, kept);
  Object.defineProperty(sql, "exec", {
    value: (...args: Parameters<typeof exec>) => {
      const cursor = exec(...args);
      kept.push(cursor);
      return cursor;
    },
  });
  const setAlarm = storage.setAlarm.bind(storage);
  Object.defineProperty(storage, "setAlarm", {
    value: (...args: Parameters<typeof setAlarm>) => {
      // Billed as a row.
      counts.objectRowsWritten++;
      return setAlarm(...args);
    },
  });
}
