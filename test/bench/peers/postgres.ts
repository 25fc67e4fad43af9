import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import type { Placement } from "../../../schema/order.ts";
import type { Peer, PeerAnswer, PeerHold } from "./peer.ts";

/** Connections of the pool: as many as two cores keep busy with a group commit between them. */
const CONNECTIONS = 16;
const SCHEMA = readFileSync(new URL("schema.sql", import.meta.url), "utf8");
const DEBIAN = "/usr/lib/postgresql";

/** Debian keeps the server's programs out of the path. */
function binOf(program: string): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((version) => join(DEBIAN, version, "bin", program))
    .find((path) => existsSync(path));
  return found ?? program;
}

export const hasPostgres = (): boolean => spawnSync(binOf("postgres"), ["--version"]).status === 0;

/** PostgreSQL refuses to run as root: there it runs as the user its package makes. */
function userOf(): { uid: number; gid: number } | null {
  if (userInfo().uid !== 0) return null;
  const idOf = (flag: string): number =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  return { uid: idOf("-u"), gid: idOf("-g") };
}

export interface Postgres {
  readonly sql: postgres.Sql;
  stop(): Promise<void>;
}

/** PostgreSQL with every commit on disk before it is answered, over a Unix socket. */
export async function startPostgres(): Promise<Postgres> {
  const dir = mkdtempSync(join(tmpdir(), "doorbuster-pg-"));
  const user = userOf();
  if (user) chownSync(dir, user.uid, user.gid);
  const data = join(dir, "data");
  const made = spawnSync(
    binOf("initdb"),
    ["-D", data, "-U", "bench", "--auth=trust", "-E", "UTF8", "--no-locale"],
    { ...user },
  );
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr.toString()}`);
  const settings = [
    "-c",
    "listen_addresses=",
    "-k",
    dir,
    "-c",
    "shared_buffers=256MB",
    "-c",
    "wal_buffers=16MB",
  ];
  const server = spawn(binOf("postgres"), ["-D", data, ...settings], { stdio: "ignore", ...user });
  const sql = postgres({
    host: dir,
    username: "bench",
    database: "postgres",
    max: CONNECTIONS,
    onnotice: () => undefined,
  });
  await untilReady(sql);
  await sql.unsafe(SCHEMA);
  return {
    sql,
    async stop() {
      await sql.end();
      await ended(server);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export const jsonbOf = (sql: postgres.Sql, document: unknown): postgres.Parameter =>
  sql.json(JSON.parse(JSON.stringify(document)) as postgres.JSONValue);

/** The same hold by one of three ways to take units. */
export async function postgresPeer(way: "lock" | "version" | "units"): Promise<Peer> {
  const { sql, stop } = await startPostgres();
  const hold = async ({
    placement,
    quantity,
    key,
    fingerprint,
    holdMs,
    perBuyerMax,
  }: PeerHold): Promise<PeerAnswer> => {
    const { order, buyer, createdAt } = placement;
    const [row] = await sql<{ code: string; document: Placement }[]>`
      SELECT * FROM place(${way}, ${order}, ${buyer}, ${quantity}, ${key}, ${fingerprint}, ${createdAt}, ${holdMs}, ${perBuyerMax}, ${jsonbOf(sql, placement)})`;
    return { code: row?.code, placement: row?.document } as PeerAnswer;
  };
  return {
    async reset(stock) {
      await sql`TRUNCATE sku, unit, buyer, hold`;
      if (way === "units")
        await sql`INSERT INTO unit (order_id) SELECT NULL FROM generate_series(1, ${stock})`;
      else await sql`INSERT INTO sku VALUES (1, ${stock})`;
    },
    hold,
    holdMany: (holds) => Promise.all(holds.map(hold)),
    stop,
  };
}

async function untilReady(sql: postgres.Sql): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      await sql`SELECT 1`;
      return;
    } catch (cause) {
      if (attempt === 100) throw cause;
      await sleep(100);
    }
}

function ended(server: ChildProcess): Promise<unknown> {
  const exit = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGINT");
  return exit;
}
