import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** `npm run mutants`: mistakes put into the code on purpose, and the tests that notice them. */
const { status } = spawnSync(
  process.execPath,
  [join(ROOT, "test/mutants/run.ts"), ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: "inherit",
  },
);
process.exit(status ?? 1);
