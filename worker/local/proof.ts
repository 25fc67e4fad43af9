import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** `npm run proof`: every long programme, and the table in the README. */
const { status } = spawnSync(
  process.execPath,
  [join(ROOT, "test/proof/proof.ts"), ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: "inherit",
  },
);
process.exit(status ?? 1);
