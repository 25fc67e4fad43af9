import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { kept, PROGRAMMES, type Programme } from "./results.ts";

/** `npm run proof`: every long programme in turn, and what they found into the README. `--table` only writes what was found last. */

const ROOT = join(import.meta.dirname, "../..");
const README = join(ROOT, "README.md");
const [BEGIN, END] = ["<!-- proof -->", "<!-- /proof -->"];

const SCRIPTS: Record<Programme, readonly string[]> = {
  states: ["--max-old-space-size=12000", "test/checker/check.ts"],
  mutants: ["test/mutants/run.ts"],
  crash: ["test/crash/crash.ts"],
  fuzz: ["test/fuzz/fuzz.ts"],
};

const WHAT: Record<Programme, string> = {
  states: "`npm run check:states`",
  mutants: "`npm run mutants`",
  crash: "`npm run crash`",
  fuzz: "`npm run fuzz`",
};

const { values } = parseArgs({ options: { table: { type: "boolean", default: false } } });
let failed = 0;
if (!values.table)
  for (const programme of PROGRAMMES) {
    console.log(`\n${programme}`);
    const { status } = spawnSync(process.execPath, [...SCRIPTS[programme]], { cwd: ROOT, stdio: "inherit" });
    if (status !== 0) failed++;
  }

const rows = PROGRAMMES.flatMap((programme) => {
  const proved = kept(programme);
  if (!proved) return [];
  const { held, seconds, day, commit } = proved;
  return [`| ${WHAT[programme]} | ${held} | ${seconds} s | ${day}, ${commit} |`];
});
const table = ["| programme | what it found | took | run |", "|---|---|---|---|", ...rows].join("\n");
const text = readFileSync(README, "utf8");
const [before, rest] = text.split(BEGIN);
const after = rest?.split(END)[1];
if (before === undefined || after === undefined) throw new Error(`README.md has no ${BEGIN} and ${END}`);
writeFileSync(README, `${before}${BEGIN}\n\n${table}\n\n${END}${after}`);
console.log(`\n${table}`);
process.exit(failed === 0 ? 0 : 1);
