import { parseArgs } from "node:util";
import { chanceOf } from "../chance.ts";
import { keep } from "../proof/results.ts";
import { killAtBoundaries } from "./boundaries.ts";
import { killByChance } from "./by-chance.ts";
import { hasStrace, Victim } from "./victim.ts";

/**
 * `npm run crash -- --cycles 300 --every 1 --seed 1`: kills the server in the middle of a sale, again and again, and looks whether
 * anything that anybody was told has been lost. One server is killed at moments by chance; beside it, where strace exists, another at
 * each write and sync of a scripted sale. `--every 10` takes one of ten of those, `--every 0` none.
 */
const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "300" },
    every: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
  },
});
const [cycles, every, seed] = [Number(values.cycles), Number(values.every), Number(values.seed)];
const atBoundaries = every > 0 && hasStrace();
if (every > 0 && !atBoundaries)
  console.log("strace is not here (apt-get install strace): kills at writes and syncs are left out");

const startedAt = Date.now();
const seconds = (): number => Math.round((Date.now() - startedAt) / 1_000);
const tell = (line: string): void => console.log(`${seconds()} s: ${line}`);
const victims: Victim[] = [];

async function fresh(): Promise<Victim> {
  const victim = await Victim.fresh();
  victims.push(victim);
  await victim.kill();
  return victim;
}

/** The middle of them and the longest, in words. */
function spread(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (index: number): number => Math.round(sorted[index] ?? 0);
  return `${at(Math.floor(sorted.length / 2))} ms, at most ${at(sorted.length - 1)} ms`;
}

try {
  const chance = chanceOf(seed);
  const [{ acknowledged, reads }, scripted] = await Promise.all([
    killByChance(await fresh(), { cycles, sale: `crash-${seed}`, chance, tell }),
    atBoundaries ? killAtBoundaries(await fresh(), { every, tell }) : { boundaries: 0, killed: 0 },
  ]);
  const kills = `${cycles} kills by chance, ${scripted.killed} of ${scripted.boundaries} at each write and sync of a scripted sale`;
  const read = `what was acknowledged was read ${spread(reads.ready)}, after the server listened and ${spread(reads.runtime)}, after its runtime was started`;
  const serve = reads.serve.length === 0 ? "" : ` (\`npm run serve\`: ${spread(reads.serve)})`;
  const found = `${kills}, ${acknowledged.toLocaleString("en")} acknowledged orders: none lost; ${read}${serve}`;
  keep("crash", found, seconds());
  console.log(found);
} catch (cause) {
  console.error(`SEED=${seed}: ${String(cause)}`);
  keep("crash", `LOST: ${String(cause)}`, seconds());
  process.exitCode = 1;
} finally {
  for (const victim of victims) await victim.end();
}
process.exit();
