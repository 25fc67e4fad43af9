import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fail, ROOT, type Settings } from "./settings.ts";

const BIN = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
/** Where both keep D1, in a file for each database. */
const D1_FOLDER = "v3/d1/miniflare-D1DatabaseObject";
const D1_FILE = /^[0-9a-f]{64}\.sqlite$/;
const quiet = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true", FORCE_COLOR: "0" };

/** Runs wrangler to its end; what it printed is shown only when it failed. */
export function wrangler(...args: string[]): void {
  const done = spawnSync(process.execPath, [BIN, ...args], { cwd: ROOT, env: quiet, encoding: "utf8" });
  if (done.status === 0) return;
  fail(`wrangler ${args.slice(0, 2).join(" ")} failed:\n${done.stdout}${done.stderr}`);
}

/** Brings D1 to the newest migration. Both servers keep its state and its book of migrations in the same place. */
export function migrate({ stateDir }: Pick<Settings, "stateDir">): void {
  if (isMigrated(stateDir)) return;
  wrangler("d1", "migrations", "apply", "DB", "--local", "--persist-to", stateDir);
}

/** Whether the book of migrations is full: wrangler takes seconds to find that there is nothing to do. */
function isMigrated(stateDir: string): boolean {
  const folder = join(stateDir, D1_FOLDER);
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => D1_FILE.test(name)) : [];
  const wanted = readdirSync(join(ROOT, "schema/migrations")).filter((name) => name.endsWith(".sql"));
  return files.length > 0 && files.every((name) => wanted.every(hasNoted(join(folder, name))));
}

function hasNoted(path: string): (migration: string) => boolean {
  const file = new DatabaseSync(path);
  try {
    const isThere = file.prepare("SELECT 1 FROM sqlite_master WHERE name = 'd1_migrations'").get();
    const noted = isThere ? file.prepare("SELECT name FROM d1_migrations").all() : [];
    return (migration) => noted.some(({ name }) => name === migration);
  } finally {
    file.close();
  }
}

/** Starts wrangler and leaves it running. Its keyboard shortcuts and its browser stay out of the way. */
export const wranglerDev = (args: readonly string[], extra: Record<string, string>) =>
  spawn(process.execPath, [BIN, "dev", ...args], {
    cwd: ROOT,
    env: { ...process.env, ...extra, WRANGLER_SEND_METRICS: "false" },
    stdio: ["ignore", "inherit", "inherit"],
  });
