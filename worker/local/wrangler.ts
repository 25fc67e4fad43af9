import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { fail, ROOT, type Settings } from "./settings.ts";

const BIN = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
const quiet = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true", FORCE_COLOR: "0" };

/** Runs wrangler to its end; what it printed is shown only when it failed. */
export function wrangler(...args: string[]): void {
  const done = spawnSync(process.execPath, [BIN, ...args], { cwd: ROOT, env: quiet, encoding: "utf8" });
  if (done.status === 0) return;
  fail(`wrangler ${args.slice(0, 2).join(" ")} failed:\n${done.stdout}${done.stderr}`);
}

/** Brings D1 to the newest migration. Both servers keep its state and its book of migrations in the same place. */
export function migrate({ stateDir }: Settings): void {
  wrangler("d1", "migrations", "apply", "DB", "--local", "--persist-to", stateDir);
}

/** Starts wrangler and leaves it running. Its keyboard shortcuts and its browser stay out of the way. */
export const wranglerDev = (args: readonly string[], extra: Record<string, string>) =>
  spawn(process.execPath, [BIN, "dev", ...args], {
    cwd: ROOT,
    env: { ...process.env, ...extra, WRANGLER_SEND_METRICS: "false" },
    stdio: ["ignore", "inherit", "inherit"],
  });
