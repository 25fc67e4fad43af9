import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findChromium } from "./chromium.ts";
import { fail, ROOT } from "./settings.ts";

/** `npm test`: everything there is to check, in the order in which it is quickest to be told. */

const BIN = join(ROOT, "node_modules/.bin");
const REPORT = join(ROOT, "test/.artifacts/report.json");

function step(what: string, command: string, ...args: string[]): void {
  console.log(`\n> ${what}`);
  const { status } = spawnSync(join(BIN, command), args, {
    cwd: ROOT,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0) fail(`\n${what} failed.\n\n0 passed, 1 failed`);
}

let chromium = "";
try {
  chromium = findChromium();
} catch (cause) {
  fail(cause instanceof Error ? cause.message : String(cause));
}

step("Types of the bindings", "wrangler", "types", "--strict-vars=false");
step("Pages' scripts and styles", "node", "worker/local/build-assets.ts");
for (const program of [".", "test", "worker/local", "worker/pages/client"])
  step(`Types in ${program}`, "tsc", "--noEmit", "-p", program);
step("Lint", "oxlint", "--type-aware", "--deny-warnings");
step("Format", "oxfmt", "--check", ".");
step("Dead code", "knip");

console.log("\n> Tests");
mkdirSync(join(ROOT, "test/.artifacts"), { recursive: true });
// A run that breaks off early must not be judged by the report of the one before.
rmSync(REPORT, { force: true });
const { status } = spawnSync(
  join(BIN, "vitest"),
  ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`, ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, CHROME_PATH: chromium },
    shell: process.platform === "win32",
  },
);
if (!existsSync(REPORT)) fail("\nThe tests broke off.\n\n0 passed, 1 failed");
const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(REPORT, "utf8")) as {
  numPassedTests: number;
  numFailedTests: number;
};
// A run may fail without a failing test: an error between tests counts as one.
const failed = status === 0 ? numFailedTests : Math.max(1, numFailedTests);
console.log(`\n${numPassedTests} passed, ${failed} failed`);
process.exit(failed > 0 || numPassedTests === 0 ? 1 : 0);
