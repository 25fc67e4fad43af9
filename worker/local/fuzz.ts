import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** `npm run fuzz`: requests by the API's own document, and beside it. */
const { status } = spawnSync(process.execPath, [join(ROOT, "test/fuzz/fuzz.ts"), ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: "inherit",
});
process.exit(status ?? 1);
