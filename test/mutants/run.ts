import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keep } from "../proof/results.ts";
import { MUTANTS, type Mutant } from "./catalogue.ts";

/** `npm run mutants`: each mistake of the catalogue in turn, in a copy of the project, and the test that notices it. */

const ROOT = join(import.meta.dirname, "../..");
const COPIED = [
  "schema",
  "durable-objects",
  "worker",
  "test",
  "package.json",
  "tsconfig.json",
  "wrangler.toml",
  "vitest.config.ts",
];
/** A mistake may make a world that never comes to rest: that is noticed too. */
const RUN_MS_MAX = 120_000;

const dir = mkdtempSync(join(tmpdir(), "doorbuster-mutants-"));
for (const entry of COPIED) cpSync(join(ROOT, entry), join(dir, entry), { recursive: true });
symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");

const unharmed = firstFailure();
if (unharmed) throw new Error(`the tests fail before anything was changed: ${unharmed}`);
const survivors: Mutant[] = [];
const beganAt = performance.now();
for (const [index, mutant] of MUTANTS.entries()) {
  const startedAt = performance.now();
  const killer = killerOf(mutant);
  if (!killer) survivors.push(mutant);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(`${index + 1}/${MUTANTS.length} ${mutant.harm}\n    ${killer ?? "SURVIVED"} (${seconds} s)`);
}
rmSync(dir, { recursive: true, force: true });
const killed = MUTANTS.length - survivors.length;
keep("mutants", `${killed} of ${MUTANTS.length} mistakes noticed`, (performance.now() - beganAt) / 1_000);
console.log(`\n${killed} of ${MUTANTS.length} mistakes were noticed.`);
process.exit(survivors.length === 0 ? 0 : 1);

function killerOf({ file, was, is }: Mutant): string | null {
  const path = join(dir, file);
  const text = readFileSync(path, "utf8");
  if (text.split(was).length !== 2) throw new Error(`${file} has not exactly one ${JSON.stringify(was)}`);
  writeFileSync(
    path,
    text.replace(was, () => is),
  );
  try {
    return firstFailure();
  } finally {
    writeFileSync(path, text);
  }
}

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** The first test of machines, simulations and the state checker that fails; null when all pass. */
function firstFailure(): string | null {
  const report = join(dir, "report.json");
  const tests = ["test/machines", "test/simulation", "test/schema"];
  const reporting = ["--reporter", "json", "--outputFile", report];
  const args = [vitest, "run", "--project", "pure", "--bail", "1", ...reporting, ...tests];
  const run = spawnSync(process.execPath, args, {
    cwd: dir,
    encoding: "utf8",
    timeout: RUN_MS_MAX,
    maxBuffer: 1 << 28,
  });
  if (run.status === 0) return null;
  if (run.error) return "it never ends";
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  for (const { assertionResults } of testResults)
    for (const { status, fullName } of assertionResults) if (status === "failed") return fullName;
  return testResults.find(({ message }) => message !== "")?.name ?? "the run itself";
}
