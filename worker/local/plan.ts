import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** `npm run plan`: how a sale will go, and how many gates it needs. */
const { status } = spawnSync(
  process.execPath,
  [join(ROOT, "test/bench/plan/plan.ts"), ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: "inherit",
  },
);
process.exit(status ?? 1);
