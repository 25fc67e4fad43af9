import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** `npm run bench`: the programmes of `test/bench`, one after the other. */
const { status } = spawnSync(process.execPath, [join(ROOT, "test/bench/run.ts"), ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: "inherit",
});
process.exit(status ?? 1);
