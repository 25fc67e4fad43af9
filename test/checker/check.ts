import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { keep } from "../proof/results.ts";
import { Search } from "./search.ts";
import { firstWorld } from "./world.ts";

/** `npm run check:states`: every world that one order, a rival and one unit can come to, within these bounds. */
const { values } = parseArgs({
  options: {
    payments: { type: "string", default: "2" },
    cancels: { type: "string", default: "1" },
    refunds: { type: "string", default: "1" },
    losses: { type: "string", default: "3" },
    repeats: { type: "string", default: "3" },
    refusals: { type: "string", default: "1" },
    limit: { type: "string", default: "12000000" },
  },
});
const { limit, ...bounds } = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, Number(value)]),
) as Record<keyof typeof values, number>;

const startedAt = performance.now();
const seconds = (): string => `${Math.round((performance.now() - startedAt) / 1_000)} s`;
console.log(`Bounds: ${JSON.stringify(bounds)}`);
const checked = new Search(limit).run(firstWorld(bounds), (states, waiting) => {
  const line = `  ${states.toLocaleString("en")} worlds, ${waiting.toLocaleString("en")} to look at, ${seconds()}`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(80)}`);
  else console.log(line);
});
const { states, moves, quiet, violation, cut } = checked;
console.log(
  `\n${states.toLocaleString("en")} distinct worlds, ${moves.toLocaleString("en")} moves, ${quiet.toLocaleString("en")} of them at rest, ${seconds()}.`,
);
if (violation) {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout.trim();
  console.error(`VIOLATION at ${commit}: ${violation.law}\n  ${violation.trace.join("\n  ")}`);
  process.exit(1);
}
keep(
  "states",
  `${states.toLocaleString("en")} distinct worlds, ${moves.toLocaleString("en")} moves: no law broken`,
  (performance.now() - startedAt) / 1_000,
);
console.log(
  cut
    ? "The limit was reached: no law was broken in any of them, and whether each comes to rest was not asked."
    : "No law was broken in any of them, and from each of them a world at rest can be reached.",
);
