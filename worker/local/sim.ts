import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** `npm run sim`: whole sales with everything going wrong that can, on a virtual clock. */
const args = [
  "--disable-warning=ExperimentalWarning",
  join(ROOT, "test/sim/run.ts"),
  ...process.argv.slice(2),
];
const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: "inherit" });
process.exit(status ?? 1);
