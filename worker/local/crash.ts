import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** `npm run crash`: the server killed in the middle of a sale, again and again, and what clients were told compared with what is there. */
const { status } = spawnSync(
  process.execPath,
  [join(ROOT, "test/crash/crash.ts"), ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: "inherit",
  },
);
process.exit(status ?? 1);
