import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findChromium } from "./chromium.ts";
import { fail, ROOT } from "./settings.ts";

/** `npm test`: everything there is to check. What the types say comes first; what else the source says, beside the tests. */

const BIN = join(ROOT, "node_modules/.bin");
const REPORT = join(ROOT, "test/.artifacts/report.json");
const OPTIONS = { cwd: ROOT, shell: process.platform === "win32" };

function step(what: string, command: string, ...args: string[]): void {
  console.log(`\n> ${what}`);
  const { status } = spawnSync(join(BIN, command), args, { ...OPTIONS, stdio: "inherit" });
  if (status !== 0) fail(`\n${what} failed.\n\n0 passed, 1 failed`);
}

/** Says nothing until it has ended, and then only what is wrong. */
async function isWrong(what: string, command: string, ...args: string[]): Promise<boolean> {
  const run = spawn(join(BIN, command), args, { ...OPTIONS, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [run.stdout, run.stderr])
    stream.on("data", (chunk: Buffer) => void (said += chunk.toString()));
  const status = await new Promise((resolve) => run.once("close", resolve));
  console.log(status === 0 ? `> ${what}: nothing is wrong` : `\n${said}\n${what} failed.`);
  return status !== 0;
}

const CHECKS = [
  ["Format", "oxfmt", "--check", "."],
  ["Dead code", "knip"],
  ["Lint", "oxlint", "--type-aware", "--deny-warnings"],
] as const;

/** One after the other, the quickest first. @returns those that failed. */
async function checks(): Promise<string[]> {
  const failed: string[] = [];
  for (const [what, command, ...args] of CHECKS) if (await isWrong(what, command, ...args)) failed.push(what);
  return failed;
}

/** @returns how many passed, and how many failed: an error between tests counts as one, and so does a run that broke off. */
async function tests(chromium: string): Promise<{ passed: number; failed: number }> {
  mkdirSync(join(ROOT, "test/.artifacts"), { recursive: true });
  // A run that breaks off early must not be judged by the report of the one before.
  rmSync(REPORT, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`];
  const run = spawn(join(BIN, "vitest"), ["run", ...reporters, ...process.argv.slice(2)], {
    ...OPTIONS,
    stdio: "inherit",
    env: { ...process.env, CHROME_PATH: chromium },
  });
  const status = await new Promise((resolve) => run.once("close", resolve));
  if (!existsSync(REPORT)) {
    console.log("\nThe tests broke off.");
    return { passed: 0, failed: 1 };
  }
  const { numPassedTests: passed, numFailedTests } = JSON.parse(readFileSync(REPORT, "utf8")) as {
    numPassedTests: number;
    numFailedTests: number;
  };
  return { passed, failed: status === 0 ? numFailedTests : Math.max(1, numFailedTests) };
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

console.log("\n> Tests, and beside them format, dead code and lint");
const [{ passed, failed }, wrong] = await Promise.all([tests(chromium), checks()]);
// What they said has scrolled away by now.
for (const what of wrong) console.log(`\n${what} failed: see above.`);
const failures = failed + wrong.length;
console.log(`\n${passed} passed, ${failures} failed`);
process.exit(failures > 0 || passed === 0 ? 1 : 0);
