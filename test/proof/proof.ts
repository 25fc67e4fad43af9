import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, constants, setPriority } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { guard } from "../../worker/local/guard.mjs";
import { makePrepared } from "../system/prepared.ts";
import { forget, kept, PROGRAMMES, write } from "./results.ts";
import { withTable } from "./table.ts";

/**
 * `npm run proof`: every long programme, as many side by side as there are cores for, and what they found into the README.
 * `--only crash,fuzz` runs some of them, `--table` none: the other rows say what was found last.
 */

type Listed = (typeof PROGRAMMES)[number];

const ROOT = join(import.meta.dirname, "../..");
const README = join(ROOT, "README.md");

const { values } = parseArgs({
  options: { table: { type: "boolean", default: false }, only: { type: "string" } },
});
const names = values.only?.split(",") ?? PROGRAMMES.map(({ name }) => name);
const chosen = values.table ? [] : PROGRAMMES.filter(({ name }) => names.includes(name));
if (!values.table && chosen.length < names.length)
  throw new Error(`${names.join(", ")}: there is ${PROGRAMMES.map(({ name }) => name).join(", ")}`);

const startedAt = performance.now();
// Once: programmes that start beside each other must not all make it in one folder.
if (chosen.length > 0) await makePrepared();
await runAll(chosen);
const passed = chosen.every(({ name }) => kept(name)?.passed);
if (chosen.length === PROGRAMMES.length) {
  const held = `all of it, on ${availableParallelism()} cores`;
  write("proof", { held, seconds: (performance.now() - startedAt) / 1_000, passed });
}
writeFileSync(README, withTable(readFileSync(README, "utf8"), kept));
for (const { name } of chosen) console.log(`${name.padEnd(8)} ${kept(name)?.held}`);
process.exit(passed ? 0 : 1);

/** Starts the next programme there are cores for, until all have run. One that wants more than there are runs by itself. */
async function runAll(programmes: readonly Listed[]): Promise<void> {
  const waiting = [...programmes];
  const running = new Map<Listed, Promise<void>>();
  const busy = (): number => [...running.keys()].reduce((sum, { cores }) => sum + cores, 0);
  while (waiting.length + running.size > 0) {
    const free = availableParallelism() - busy();
    const next = waiting.findIndex(({ cores }) => cores <= free || running.size === 0);
    const [programme] = next < 0 ? [] : waiting.splice(next, 1);
    if (programme)
      running.set(
        programme,
        run(programme).then(() => void running.delete(programme)),
      );
    else await Promise.race(running.values());
  }
}

/** Runs one to its end, each of its lines under its name. However it fails, there is a result that says so. */
async function run({ name, script, cores }: Listed): Promise<void> {
  forget(name);
  const beganAt = performance.now();
  const running = spawn("npm", ["run", "--silent", script], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
    detached: true,
  });
  guard(running);
  if (running.pid && cores === 0) standBack(running.pid);
  for (const stream of [running.stdout, running.stderr])
    createInterface({ input: stream }).on("line", (line) => console.log(`${name.padEnd(8)} ${line}`));
  const ended = await new Promise<string>((resolve) => {
    running.once("error", (cause) => resolve(cause.message));
    running.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const found = kept(name);
  const failed = ended !== "exit code 0" || !found?.passed;
  console.log(`${name.padEnd(8)} ${failed ? `FAILED: ${ended}` : "passed"}`);
  const seconds = (performance.now() - beganAt) / 1_000;
  if (failed) write(name, { held: found?.held ?? `broke off: ${ended}`, seconds, passed: false });
}

/**
 * Has a new session take only what the others leave. Linux weighs sessions against each other, and processes only within theirs
 * (sched(7), "The autogroup feature"): the session needs the priority as well.
 */
function standBack(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
    writeFileSync(`/proc/${pid}/autogroup`, String(constants.priority.PRIORITY_LOW));
  } catch {
    // A process that is gone already, or a system that weighs no sessions.
  }
}
