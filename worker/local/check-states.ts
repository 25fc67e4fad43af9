import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./settings.ts";

/** What five million worlds and the ways between them take in memory, MB. */
const HEAP_MB = 12_000;

/** `npm run check:states`: every world that one order, a rival and one unit can come to. */
const script = join(ROOT, "test/checker/check.ts");
const args = [`--max-old-space-size=${HEAP_MB}`, script, ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: "inherit" });
process.exit(status ?? 1);
