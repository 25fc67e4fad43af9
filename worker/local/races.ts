import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** `npm run races`: requests whose last bytes are sent in the same instant, for everything that changes something. */
const { status } = spawnSync(
  process.execPath,
  [join(ROOT, "test/races/races.ts"), ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: "inherit",
  },
);
process.exit(status ?? 1);
